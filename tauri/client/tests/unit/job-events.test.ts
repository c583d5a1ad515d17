import { beforeEach, describe, expect, it } from "vitest";
import { Client, type JobEvent } from "../../src/index";
import { BASE, fakeFetch, json, problem, Sockets, TOKEN } from "./fakes";

const QUICK = { seconds: 0.2, firstWaitSeconds: 0.001, longestWaitSeconds: 0.02 };
const DONE = { type: "JOB_DONE", job_id: "1" } as const;

let sockets: Sockets;
beforeEach(() => {
  sockets = new Sockets();
});

function events(answer: () => Response | Promise<Response> = () => json({}), signal?: AbortSignal) {
  const { fetch } = fakeFetch(answer);
  const client = new Client({ baseUrl: BASE, token: TOKEN, fetch, WebSocket: sockets.maker });
  const seen: JobEvent[] = [];
  const reading = (async () => {
    for await (const event of client.events({ signal, patience: QUICK })) seen.push(event);
  })();
  reading.catch(() => undefined);
  return { seen, reading };
}

describe("what happens to all jobs", () => {
  it("is told from the connection on, and each connection is told", async () => {
    const { seen } = events();
    const first = await sockets.at(0);
    expect(first.url.href).toBe("ws://127.0.0.1:4000/v1/events");
    first.opens().says(DONE).closes(1012, "ENGINE_STOPS");
    (await sockets.at(1)).opens().says({ type: "JOB_SANG" }).says(DONE);
    await expect.poll(() => seen).toEqual([{ type: "CONNECTED" }, DONE, { type: "CONNECTED" }, DONE]);
  });

  it("ends with the reason of an abort, and closes", async () => {
    const abort = new AbortController();
    const { reading } = events(undefined, abort.signal);
    const socket = (await sockets.at(0)).opens();
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    expect(socket.closedByClient).toBe(true);
  });

  it("fails when the token is refused", async () => {
    const { reading } = events(() => problem(401, "UNAUTHORIZED"));
    (await sockets.at(0)).closes(1006);
    await expect(reading).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  it("fails at once when whoever renews says with a code that there is no other connection", async () => {
    const down = () => Promise.reject(new TypeError("down"));
    const cause = { code: "STOPPED", message: "The engine was stopped." };
    const renew = () => Promise.reject(cause);
    const { fetch } = fakeFetch(down);
    const client = new Client({ baseUrl: BASE, token: TOKEN, fetch, WebSocket: sockets.maker, renew });
    const next = client.events()[Symbol.asyncIterator]().next();
    (await sockets.at(0)).closes(1006);
    await expect(next).rejects.toMatchObject({ code: "NETWORK", cause });
  });

  it("fails when each renewed connection is as dead as the one before, and says the last failure", async () => {
    const { fetch } = fakeFetch(() => Promise.reject(new TypeError("down")));
    let port = 5000;
    const renew = async () => {
      port += 1;
      return { baseUrl: `http://127.0.0.1:${port}/v1`, token: TOKEN };
    };
    const client = new Client({ baseUrl: BASE, token: TOKEN, fetch, WebSocket: sockets.maker, renew });
    const next = client.events({ patience: QUICK })[Symbol.asyncIterator]().next();
    void (async () => {
      for (let at = 0; ; at += 1) (await sockets.at(at)).closes(1006);
    })();
    await expect(next).rejects.toMatchObject({ code: "NETWORK", cause: { code: "NETWORK" } });
    expect(port).toBeLessThan(5100);
  });

  it("fails when each connection is thrown out at once", async () => {
    const { reading } = events();
    let tries = 0;
    void (async () => {
      for (;;) {
        (await sockets.at(tries)).opens().closes(4408);
        tries += 1;
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "NETWORK" });
    expect(tries).toBeLessThan(40);
  });
});
