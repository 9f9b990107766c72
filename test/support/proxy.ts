import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';

/** A TCP line that can be cut and mended: to take a server away from those who use it without stopping it for others. */
export class CuttableLine implements AsyncDisposable {
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut = false;
  #silent = false;

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer((socket) => this.#carry(socket));
  }

  static async to(url: string): Promise<CuttableLine> {
    const { hostname, port } = new URL(url);
    const line = new CuttableLine({ host: hostname, port: Number(port) });
    await new Promise<void>((resolve) => {
      line.#server.listen(0, '127.0.0.1', resolve);
    });
    return line;
  }

  /** The URL through this line. */
  through(url: string): string {
    const moved = new URL(url);
    moved.hostname = '127.0.0.1';
    moved.port = String((this.#server.address() as AddressInfo).port);
    return moved.toString();
  }

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** As a broken link does: nothing is refused, nothing ends, and no byte arrives any more. */
  silence(): void {
    this.#silent = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** For new connections: those that were open before stay as they are. */
  mend(): void {
    this.#cut = false;
    this.#silent = false;
  }

  #carry(socket: Socket): void {
    if (this.#cut) {
      socket.destroy();
      return;
    }
    if (this.#silent) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
      return;
    }
    const far = dial(this.#target);
    for (const [one, other] of [
      [socket, far],
      [far, socket],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
