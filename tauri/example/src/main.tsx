/** Puts the app into its page. */

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { EngineProvider } from "./engine";
import { ReadingProvider } from "./reading";
import "./style/theme.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/parts.css";
import "./style/pages.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root.");
createRoot(root).render(
  <StrictMode>
    <EngineProvider>
      <ReadingProvider>
        <App />
      </ReadingProvider>
    </EngineProvider>
  </StrictMode>,
);
