/**
 * The NATS client library is pinned to one version, because the carrier uses three of its inner parts. This test says
 * what breaks when a new version moves one of them.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as inner from 'nats/lib/nats-base-client/internal_mod.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const library = suite('NATS client library');

const fileOf = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

library('one exact version is asked for, and is the one installed', () => {
  const { dependencies } = JSON.parse(fileOf('package.json'));
  assert.match(dependencies.nats, /^\d+\.\d+\.\d+$/, 'package.json: no caret and no tilde');
  assert.is(JSON.parse(fileOf('node_modules/nats/package.json')).version, dependencies.nats);
});

library('the parts that broker/carrier/nats/line/server-connection.ts imports are there', () => {
  assert.type(inner.setTransportFactory, 'function', 'line.ts gives the library its own socket through it');
  assert.type(inner.NatsConnectionImpl.connect, 'function', 'line.ts connects without the library’s own socket');
  assert.type(inner.nkeyAuthenticator, 'function', 'line.ts proves the domain’s nkey with it');
});

library('a connection asks the factory for its socket, and gives it the options unchanged', async () => {
  const refused = new Error('refused by the test');
  let seen: unknown;
  inner.setTransportFactory({
    factory: () => {
      const transport = {
        lang: 'test',
        version: '0',
        isClosed: false,
        connect: (_server: unknown, options: object) => {
          seen = 'lane' in options ? options.lane : undefined;
          return Promise.reject(refused);
        },
        close: () => Promise.resolve(),
        closed: () => new Promise<never>(() => {}),
        discard: () => {},
        disconnect: () => {},
        isEncrypted: () => false,
        send: () => {},
        [Symbol.asyncIterator]: async function* () {},
      };
      return transport as never;
    },
  });
  const lane = { host: 'nowhere' };
  const options = { servers: 'nowhere.invalid:1', reconnect: false, timeout: 1_000, lane };
  const fault = await inner.NatsConnectionImpl.connect(options).then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(fault instanceof Error, 'the library connected without the factory: LaneTransport is never used');
  assert.is(seen, lane, 'transport.ts finds its settings in the options (LaneOptions)');
});

library('the words of its errors, which decide about codes and retries', () => {
  const source = fileOf('broker/carrier/nats/line/server-connection.ts');
  const { PermissionsViolation, AuthorizationViolation, BadAuthentication, ServerOptionNotAvailable } = inner.ErrorCode;
  for (const code of [PermissionsViolation, AuthorizationViolation, BadAuthentication, ServerOptionNotAvailable])
    assert.ok(source.includes(`'${code}'`), `line.ts does not know the library’s code ${code}`);
  assert.is(inner.Events.Error, 'error');
});

library.run();
