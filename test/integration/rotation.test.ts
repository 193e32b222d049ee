/**
 * Rotation under traffic: authority, broker and both domains get new keys while one domain sends to the other. Every
 * message arrives once and in order, in the same sessions, and the old keys end without ending a session.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Broker } from '../../broker/index.ts';
import type { Ring, Vm } from '../../clients/sdk/index.ts';
import { type Authority, loadIdentity, rotateAuthority, rotateIdentity } from '../../keys/index.ts';
import { DATA_PORT, type Installation, withInstallation } from '../support/installation/installation.ts';
import { connectLooking, type LookingDomain } from '../support/sdk/looking-domain.ts';

const rotation = suite('rotation under traffic');
const TERMS = { ttlSeconds: 3_600, overlapSeconds: 3_600 };

function connect(installation: Installation, name: string): Promise<LookingDomain> {
  return connectLooking(installation.carrierOf(name), installation.identityOf(name));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends 0, 1, 2 … until it is told to stop; the receiver's list is what arrived. */
class Traffic {
  readonly arrived: number[] = [];
  sent = 0;
  #isOver = false;
  readonly #sending: Promise<void>;

  constructor(from: Vm, ring: Ring, to: string) {
    void this.#receive(ring);
    this.#sending = this.#send(from, to);
  }

  async #receive(ring: Ring): Promise<void> {
    for await (const { payload } of ring) this.arrived.push(Buffer.from(payload).readUInt32LE(0));
  }

  async #send(from: Vm, domain: string): Promise<void> {
    while (!this.#isOver) {
      const burst = Array.from({ length: 8 }, () => {
        const iov = Buffer.alloc(4);
        iov.writeUInt32LE(this.sent++, 0);
        return from.sendv({ to: { domain, port: DATA_PORT }, iov, deadline: 30_000 });
      });
      await Promise.all(burst);
    }
  }

  /** Messages went through after this was called. */
  async goesOn(): Promise<void> {
    const before = this.arrived.length;
    await until(() => this.arrived.length > before + 16);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#sending;
    await until(() => this.arrived.length >= this.sent);
  }
}

async function publish(authority: Authority, broker: Broker): Promise<number> {
  const { jws } = await authority.revocations();
  const result = await broker.keys.install(jws ?? '');
  assert.ok(result.ok);
  return result.ended;
}

const generationOf = (broker: Broker, name: string): number =>
  broker.keys.describe().holders.find(({ holder }) => holder === `domain/${name}`)?.generation ?? 0;

rotation('authority, broker and domains get new keys: nothing is lost, nothing is doubled, no session ends', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker();
    const [sender, receiver] = [await connect(installation, 'chrome-vm'), await connect(installation, 'mail-vm')];
    const ring = await receiver.vm.registerRing({ port: DATA_PORT, partner: 'any', length: 65_536 });
    const traffic = new Traffic(sender.vm, ring, 'mail-vm');
    let ended = 0;
    for (const { vm } of [sender, receiver]) vm.on('disconnected', () => void ended++);
    const directory = (name: string): string => installation.identityOf(name);
    const old = await Promise.all(['chrome-vm', 'mail-vm', 'broker'].map((name) => loadIdentity(directory(name))));
    await traffic.goesOn();

    const { authority } = await rotateAuthority(installation.authorityDirectory, { overlapSeconds: 3_600 });
    await traffic.goesOn();
    await rotateIdentity(authority, directory('chrome-vm'), TERMS);
    sender.look();
    await until(() => generationOf(broker, 'chrome-vm') === 2);
    await rotateIdentity(authority, directory('broker'), TERMS);
    await broker.refreshIdentity();
    await rotateIdentity(authority, directory('mail-vm'), TERMS);
    receiver.look();
    await until(() => generationOf(broker, 'mail-vm') === 2);
    await traffic.goesOn();

    for (const { thumbprint } of old)
      await authority.revoke({ target: { thumbprint }, reason: 'the overlap ends', until: null });
    assert.is(await publish(authority, broker), 0, 'no session depends on an old key any more');
    await traffic.goesOn();

    // A holder of the old trust anchor and of the new one both accept the broker's new credential.
    const audio = await connect(installation, 'audio-vm');
    await rotateIdentity(authority, directory('audio-vm'), TERMS);
    await audio.vm.close();
    await (await connect(installation, 'audio-vm')).vm.close();

    await traffic.stop();
    assert.equal(
      traffic.arrived,
      Array.from({ length: traffic.sent }, (_, index) => index),
    );
    assert.is(ended, 0);
    await Promise.all([sender.vm.close(), receiver.vm.close()]);
  }),
);

rotation('a program that never looked loses its session when the overlap is over, and not before', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker();
    const { vm } = await connect(installation, 'chrome-vm');
    const ending = new Promise((resolve) => vm.on('disconnected', ({ reason }) => resolve(reason.code)));
    const before = await loadIdentity(installation.identityOf('chrome-vm'));
    await rotateIdentity(installation.authority, installation.identityOf('chrome-vm'), TERMS);
    assert.is(await publish(installation.authority, broker), 0, 'the overlap has begun');
    assert.is(vm.state, 'connected');
    const target = { thumbprint: before.thumbprint };
    await installation.authority.revoke({ target, reason: 'the overlap ends', until: null });
    assert.is(await publish(installation.authority, broker), 1);
    assert.is(await ending, 'ERR_CLIENT_CREDENTIAL_REVOKED');
    // It would come again with the key that is there now. A program that starts again does the same.
    await vm.close();
    const again = await connect(installation, 'chrome-vm');
    assert.is(again.vm.state, 'connected');
    await again.vm.close();
  }),
);

rotation.run();
