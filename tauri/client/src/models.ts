// `/v1/models`.

import type { Ask, Asked, Http } from "./http.js";
import type { Model } from "./types.js";

export class Models {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** What is built in, what is on this machine, then what can be downloaded; each with its state. */
  async list(asked: Asked = {}): Promise<Model[]> {
    const answer = await this.#http.json<{ models: Model[] }>("GET", "/models", asked);
    return answer.models;
  }

  get(modelId: string, asked: Asked = {}): Promise<Model> {
    return this.#http.json("GET", `/models/${encodeURIComponent(modelId)}`, asked);
  }

  /** Begin a download, or go on with one. It is answered at once: `get` says how far it is. */
  download(modelId: string, asked: Asked = {}): Promise<Model> {
    return this.#post(modelId, "download", asked);
  }

  /** Stop a download. What has come is kept. */
  cancel(modelId: string, asked: Asked = {}): Promise<Model> {
    return this.#post(modelId, "cancel", { ...asked, once: true });
  }

  /** Read all files of a model and compare them with what is recorded of them: the model as it is then. */
  async check(modelId: string, asked: Asked = {}): Promise<Model> {
    const path = `/models/${encodeURIComponent(modelId)}/check`;
    const answer = await this.#http.json<{ model: Model }>("POST", path, asked);
    return answer.model;
  }

  /** Load a model and make it the active one; answered when it is loaded. */
  activate(modelId: string, asked: Asked = {}): Promise<Model> {
    return this.#post(modelId, "activate", asked);
  }

  /** End the model's process, which frees its memory. */
  unload(modelId: string, asked: Asked = {}): Promise<Model> {
    return this.#post(modelId, "unload", asked);
  }

  /** Remove the model's files. */
  async delete(modelId: string, asked: Asked = {}): Promise<void> {
    await this.#http.json("DELETE", `/models/${encodeURIComponent(modelId)}`, { ...asked, once: true });
  }

  #post(modelId: string, verb: string, asked: Ask): Promise<Model> {
    return this.#http.json("POST", `/models/${encodeURIComponent(modelId)}/${verb}`, asked);
  }
}
