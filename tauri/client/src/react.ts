// What `q3tts-client/react` offers.

export { ClientProvider, type ClientProviderProps, useClient, usePlayer } from "./react/context.js";
export { type Loaded, useHealth, useModels, useVoices } from "./react/lists.js";
export { type JobsLoaded, useJobs } from "./react/use-jobs.js";
export { type SpeakHookOptions, type UseSpeech, useSpeech } from "./react/use-speech.js";
