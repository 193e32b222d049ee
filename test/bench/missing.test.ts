/** An arm whose server is not installed is named, with the package that brings it; it is never left out without a word. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findMissing } from '../../bench/throughput/run.ts';

const test = suite('bench: missing arms');

test('on a machine without servers each arm names its package, and the relay needs none', async () => {
  assert.equal(await findMissing(['raw-relay', 'nats', 'nats-tls', 'mosquitto-tls'], async () => null), [
    { arm: 'nats', package: 'nats-server' },
    { arm: 'nats-tls', package: 'nats-server' },
    { arm: 'mosquitto-tls', package: 'mosquitto' },
  ]);
});

test('the TLS arms also need the program that makes their certificate', async () => {
  const findServersOnly = async (name: string) => (name === 'openssl' ? null : `/usr/sbin/${name}`);
  assert.equal(await findMissing(['nats', 'nats-tls', 'mosquitto-tls'], findServersOnly), [
    { arm: 'nats-tls', package: 'openssl' },
    { arm: 'mosquitto-tls', package: 'openssl' },
  ]);
});

test('bare pipes need socat, and vsock the loopback of the kernel as well', async () => {
  assert.equal(await findMissing(['socat'], async () => null), [{ arm: 'socat', package: 'socat' }]);
  assert.equal(await findMissing(['vsock'], async () => null), [{ arm: 'vsock', package: 'socat' }]);
});

test('where everything is installed nothing is missing', async () => {
  assert.equal(
    await findMissing(['raw-relay', 'nats', 'nats-tls', 'mosquitto-tls'], async (name) => `/bin/${name}`),
    [],
  );
});

test.run();
