// Vercel's AI SDK, as installed: base URL, key and text in, a WAV file out.
import { writeFile } from "node:fs/promises";
import { createOpenAI } from "@ai-sdk/openai";
import { experimental_generateSpeech as generateSpeech } from "ai";

const [baseURL, apiKey, text, target] = process.argv.slice(2);
const model = createOpenAI({ baseURL, apiKey }).speech("tts-1");
const { audio } = await generateSpeech({ model, text, voice: "nova", outputFormat: "wav" });
await writeFile(target, audio.uint8Array);
