import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { environment: "happy-dom", include: ["guest-js/tests/*.test.{ts,tsx}"] },
});
