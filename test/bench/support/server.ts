import { createServer, type Socket } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface Said {
  readonly status: number;
  readonly body: object;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * The least that an HTTP/1.1 server can cost, for the outside of a benchmark: kept connections, one request at a time,
 * bodies with a Content-Length. Resolves with its URL when it listens.
 */
export function listen(handle: (asked: Asked) => Promise<Said>): Promise<string> {
  const server = createServer({ noDelay: true }, (socket) => serve(socket, handle));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
    });
  });
}

function serve(socket: Socket, handle: (asked: Asked) => Promise<Said>): void {
  let buffer: Buffer = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    const head = buffer.indexOf(HEAD_END);
    if (head < 0) return;
    const text = buffer.toString('latin1', 0, head);
    const end = head + HEAD_END.length + Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
    if (buffer.length < end) return;
    const [method = '', path = ''] = text.split(' ', 2);
    const body = buffer.toString('utf8', head + HEAD_END.length, end);
    buffer = buffer.subarray(end);
    handle({ method, path, body }).then(
      (said) => answer(socket, said),
      (error: unknown) => answer(socket, { status: 500, body: { error: String(error) } }),
    );
  });
}

function answer(socket: Socket, { status, body }: Said): void {
  const text = JSON.stringify(body);
  const head = `HTTP/1.1 ${status} -\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}`;
  socket.write(`${head}\r\n\r\n${text}`);
}
