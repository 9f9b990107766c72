import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * One kept HTTP/1.1 connection, one request at a time: the least that a client can cost, because on two cores whatever
 * the load generator burns is taken from what it measures. Understands answers with a Content-Length only.
 */
export class Connection implements Disposable {
  readonly #host: string;
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;

  private constructor(host: string, socket: Socket) {
    this.#host = host;
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error(`${host} closed the connection`)));
  }

  static async open(baseUrl: string): Promise<Connection> {
    const { hostname, port, host } = new URL(baseUrl);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Connection(host, socket);
  }

  /** `headers`: whole lines, each ended by CRLF. */
  send(method: string, path: string, headers: string, body: string): Promise<Answer> {
    if (this.#waiting !== undefined) throw new Error('one request at a time');
    const length = Buffer.byteLength(body);
    const type = length === 0 ? '' : 'content-type: application/json\r\n';
    this.#socket.write(
      `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n${type}content-length: ${length}\r\n${headers}\r\n${body}`,
    );
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #onData(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const head = this.#buffer.indexOf(HEAD_END);
    if (head < 0) return;
    const text = this.#buffer.toString('latin1', 0, head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    if (length === undefined) {
      this.#fail(new Error(`an answer without a length: ${text}`));
      return;
    }
    const end = head + HEAD_END.length + Number(length);
    if (this.#buffer.length < end) return;
    const answer = { status: Number(text.slice(9, 12)), text: this.#buffer.toString('utf8', head + 4, end) };
    this.#buffer = this.#buffer.subarray(end);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#socket.destroy();
    waiting?.reject(error);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
