// A TCP proxy before an engine that cuts connections, after so many bytes of the engine's, or when it is told to.

import { createServer, connect as dial, type Server, type Socket } from "node:net";

export class CuttingProxy {
  port = 0;
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** `after` gives the number of bytes for each WebSocket in turn; undefined lets it live. */
  private constructor(
    enginePort: number,
    private readonly after: () => number | undefined,
  ) {
    this.#server = createServer((client) => this.#pass(client, enginePort));
  }

  static async start(enginePort: number, after: () => number | undefined): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(enginePort, after);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    const address = proxy.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy has no port");
    proxy.port = address.port;
    return proxy;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(client: Socket, enginePort: number): void {
    const engine = dial(enginePort, "127.0.0.1");
    let left: number | undefined;
    const cut = () => {
      client.destroy();
      engine.destroy();
    };
    for (const socket of [client, engine]) {
      this.#sockets.add(socket);
      socket.on("error", cut);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    client.on("data", (data) => {
      const head = data.toString("latin1");
      if (/^GET \/v1\/(stream|events)/.test(head)) left = this.after();
      // The engine takes requests for its own port only.
      const named = head.replace(`Host: 127.0.0.1:${this.port}`, `Host: 127.0.0.1:${enginePort}`);
      engine.write(Buffer.from(named, "latin1"));
    });
    engine.on("data", (data) => {
      if (left === undefined || data.length < left) {
        if (left !== undefined) left -= data.length;
        client.write(data);
        return;
      }
      this.cuts += 1;
      client.write(data.subarray(0, left), cut); // in the middle of a message
      left = 0;
    });
  }
}
