// A page that has the client and nothing else; the tests do the rest from outside.

import * as q3 from "q3tts-client";

declare global {
  interface Window {
    q3: typeof q3;
    sha256(parts: Int16Array[]): Promise<string>;
  }
}

window.q3 = q3;

/** Of samples, which are too many to be handed out of the page one by one. */
window.sha256 = async (parts) => {
  const bytes = await new Blob(parts as BlobPart[]).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
