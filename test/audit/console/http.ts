/** Requests to a console as no browser would send them. */
import { request } from 'node:http';
import * as assert from 'uvu/assert';
import type { AuditConsole } from '../../../clients/audit/index.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** `fetch` would not send a Host of its own choice. */
export function ask(
  opened: AuditConsole,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body: string | null = null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, opened.url), { method, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
    });
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}

export async function welcomed(opened: AuditConsole): Promise<string> {
  const { headers, status } = await ask(opened, opened.url);
  assert.is(status, 303);
  const [cookie = ''] = String(headers['set-cookie']).split(';');
  return cookie;
}
