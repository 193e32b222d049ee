/** A broker in this process with the shipped policy and an opaque class, and agents for its domains. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { type Agent, resolveConfig, startAgent } from '../../../clients/agents/guest/index.ts';
import { type Authority, createAuthority, issueIdentity } from '../../../keys/index.ts';
import { copyShippedPolicy } from '../../../policy/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';

export const PORT = 5000;

export class GuestFixture {
  readonly directory = temporaryDirectory();
  readonly #agents: Agent[] = [];
  #broker: Broker | null = null;

  static async build(): Promise<GuestFixture> {
    const fixture = new GuestFixture();
    const authority = await fixture.makeAuthority();
    for (const name of ['audio-vm', 'chrome-vm'])
      await issueIdentity(authority, fixture.path(name), { name, role: 'domain', ttlSeconds: 3600 }, 'unsealed');
    await fixture.startBroker();
    return fixture;
  }

  async makeAuthority(): Promise<Authority> {
    const authority = await createAuthority(this.path('authority'), 'unsealed');
    await issueIdentity(authority, this.path('argus'), { name: 'argus', role: 'broker', ttlSeconds: 3600 }, 'unsealed');
    await copyShippedPolicy(this.path('policy'));
    const append = (file: string, text: string): void =>
      writeFileSync(this.path(file), `${readFileSync(this.path(file), 'utf8').trimEnd()}\n${text}`);
    append(
      'policy/services.yaml',
      '\n  - {name: files, ports: [5000], inspector: opaque, permissions: [send], flow: to-destination}\n' +
        '  - {name: ephemeral, ports: ["2147483648-4026531839"], inspector: opaque, permissions: [send], flow: to-destination}\n',
    );
    append(
      'policy/policy.csv',
      ['files', 'ephemeral']
        .flatMap((name) => [`p, @app, @audio, ${name}, send, allow\n`, `p, @audio, @app, ${name}, send, allow\n`])
        .join(''),
    );
    return authority;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async startBroker(): Promise<void> {
    this.#broker = await startBroker({
      identity: this.path('argus'),
      policy: this.path('policy'),
      audit: this.path('audit'),
      runtime: this.path('run'),
      watchPolicy: false,
      log: { level: 'silent' },
    });
  }

  async stopBroker(): Promise<void> {
    await this.#broker?.close();
    this.#broker = null;
  }

  /** The agent of `name`; its socket is at `socketOf(name)`. */
  async agent(name: string, more: object = {}, say: (line: string) => void = () => {}): Promise<Agent> {
    const config = resolveConfig(
      {
        carrier: `unix:${this.path(`run/${name}.sock`)}`,
        identity: this.path(name),
        socket: this.socketOf(name),
        ...more,
      },
      this.directory,
      'test',
    );
    const agent = await startAgent(config, say, new AbortController().signal);
    this.#agents.push(agent);
    return agent;
  }

  socketOf(name: string): string {
    return this.path(`${name}.agent`);
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) await agent.close();
    await this.stopBroker();
  }
}
