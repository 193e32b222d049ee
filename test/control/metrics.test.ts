/** The metrics by themselves, for a scraper that cannot reach the control socket. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serveMetrics } from '../../broker/control/index.ts';
import type { Metrics } from '../../broker/service/index.ts';

const served = suite('metrics on a port of their own');

async function scrape(metrics: Metrics, path: string): Promise<{ status: number; type: string | null; text: string }> {
  const server = await serveMetrics('127.0.0.1', 0, metrics);
  try {
    const response = await fetch(new URL(path, server.address));
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  } finally {
    await server.close();
  }
}

served('are as the broker gives them', async () => {
  const { status, type, text } = await scrape(async () => ({ contentType: 'text/plain', text: 'a 1\n' }), '/metrics');
  assert.equal([status, type, text], [200, 'text/plain', 'a 1\n']);
});

served('that cannot be read are an answer with a code', async () => {
  const { status, text } = await scrape(() => Promise.reject(new Error('no package')), '/metrics');
  assert.is(status, 500);
  assert.equal(JSON.parse(text), { code: 'ERR_CONTROL_METRICS', message: 'there are no metrics: no package' });
});

served('and nothing else is there', async () => {
  const { status, text } = await scrape(async () => ({ contentType: 'text/plain', text: '' }), '/v1/status');
  assert.is(status, 404);
  assert.is(JSON.parse(text).code, 'ERR_CONTROL_NOT_FOUND');
});

served.run();
