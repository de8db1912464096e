/** Metrics and health for machines that ask over HTTP: GET /metrics, /livez, /readyz, and nothing else. Main thread. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Logger } from '../base/logger.js';
import type { Metrics } from '../metrics/metrics.js';

const CONNECTIONS_MAX = 64;
const HEADER_BYTES_MAX = 8 * 1024;
const REQUEST_PATIENCE_MS = 10_000;

/** Whether clients can be served, and what stands in the way. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface HttpServerOptions {
  /** Empty: every interface. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
  readonly logger: Logger;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const PLAIN = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

export class HttpServer {
  private readonly server: Server;
  private bound = '';

  constructor(private readonly options: HttpServerOptions) {
    this.server = createServer(
      { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: REQUEST_PATIENCE_MS, requestTimeout: REQUEST_PATIENCE_MS },
      (request, response) => void this.answer(request, response),
    );
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /** `host:port`, with the port that was taken; empty before {@link start}. */
  get address(): string {
    return this.bound;
  }

  /** Rejects with a sentence where the address cannot be had. */
  start(): Promise<void> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException): void => {
        reject(new Error(`${host === '' ? 'every interface' : host}, port ${port}: ${error.code}`, { cause: error }));
      };
      this.server.once('error', refuse);
      this.server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
        this.server.off('error', refuse);
        this.server.on('error', (error) => this.options.logger.warn({ err: error }, 'an HTTP connection failed'));
        const address = this.server.address();
        const taken = typeof address === 'object' && address !== null ? address.port : port;
        this.bound = `${host.includes(':') ? `[${host}]` : host}:${taken}`;
        resolve();
      });
    });
  }

  /** Cuts off whoever is connected: what is asked here can be asked again. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.answerTo(request);
    } catch (error) {
      this.options.logger.error({ err: error, url: request.url }, 'an HTTP request could not be answered');
      answer = {
        status: 500,
        type: PLAIN,
        text: 'The broker failed in a way that it did not expect; its log says more.\n',
      };
    }
    const { status, type, text } = answer;
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      'x-content-type-options': 'nosniff',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  }

  private async answerTo(request: IncomingMessage): Promise<Answer> {
    const { host } = request.headers;
    if (!this.isOurName(host ?? '')) {
      return refusal(421, `This server is not ${JSON.stringify(host ?? '')}: dial it by its address or as localhost.`);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, 'Only GET is answered here.');
    const [path] = (request.url ?? '/').split('?', 1);
    switch (path) {
      case '/metrics': {
        const { PROMETHEUS_CONTENT_TYPE, prometheusText } = await import('./prometheus-text.js');
        return {
          status: 200,
          type: PROMETHEUS_CONTENT_TYPE,
          text: await prometheusText(await this.options.metrics.read()),
        };
      }
      case '/livez':
        return { status: 200, type: PLAIN, text: 'The process lives.\n' };
      case '/readyz': {
        const readiness = this.options.readiness();
        return { status: readiness.ready ? 200 : 503, type: JSON_TYPE, text: `${JSON.stringify(readiness)}\n` };
      }
      default:
        return refusal(404, 'There is /metrics, /livez and /readyz.');
    }
  }

  /**
   * A page in a browser of this machine may have its own name point here (DNS rebinding) and would then be let in where
   * only this machine should be. Who opens the door to the network has every name that the network gives the machine.
   */
  private isOurName(name: string): boolean {
    if (!isLoopback(this.options.host)) return true;
    const host = name.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    return host.toLowerCase() === 'localhost' || isIP(host) !== 0;
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function refusal(status: number, sentence: string): Answer {
  return { status, type: PLAIN, text: `${sentence}\n` };
}
