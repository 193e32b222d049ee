/**
 * Bundles from the bucket of a NATS server, for a broker with `source: nats`.
 *
 *   read     the present bundle, whenever a policy is loaded
 *   follow   looks again after each notice of an admin, when the line ends, and every few seconds. It loads the policy
 *            when the bucket holds something else, or when its problem is another one.
 *
 * The server is not trusted. What it holds counts only by the signatures in the bundle, which the caller checks. A
 * server that changes its mind often causes at most one load a second.
 */
import { type Bundle, encodeHead, PolicyError } from '../../../../policy/index.ts';
import { type Clock, CodedError } from '../../../base/index.ts';
import { type Bucket, type BucketHandlers, statusKey } from '../../../carrier/index.ts';
import { BUCKET_LOOK_MS, MIN_BUCKET_LOOK_MS, STANDING_MS } from '../../../process/index.ts';
import type { BundleSource } from '../signed-policy.ts';
import { readBundleAt, readHead } from './bundle-in-bucket.ts';
import { encodeStanding, type Standing } from './standing.ts';

/** Opens the bucket. @throws NatsCarrierError */
export type OpenBucket = (handlers: BucketHandlers) => Promise<Pick<Bucket, 'read' | 'write' | 'close'>>;

export interface BucketSourceHost {
  readonly open: OpenBucket;
  readonly clock: Clock;
}

export interface BucketFollower {
  /** Loads the policy. Never rejects. */
  load(): Promise<unknown>;
  standing(): Omit<Standing, 'at'>;
  readonly identity: Parameters<typeof encodeStanding>[0];
  /** Name of the broker. */
  readonly name: string;
}

/** The result of the last look: what the bucket holds, and what is wrong with it. */
interface Seen {
  readonly head: string | null;
  readonly problem: string | null;
}

type Line = Pick<Bucket, 'read' | 'write' | 'close'>;

export class BucketSource implements BundleSource {
  readonly #host: BucketSourceHost;
  #line: Promise<Line> | null = null;
  #seen: Seen | null = null;
  #follower: BucketFollower | null = null;
  #cancel: () => void = () => undefined;
  #isLooking = false;
  /** A notice came during a look. */
  #isWanted = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  /** The row that the server has, without its time, and when it was written. */
  #told = '';
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(host: BucketSourceHost) {
    this.#host = host;
  }

  async read(): Promise<Bundle> {
    const found = await this.#fetch();
    this.#seen = found.seen;
    if (found.bundle instanceof PolicyError) throw found.bundle;
    return found.bundle;
  }

  follow(follower: BucketFollower): void {
    this.#follower = follower;
    this.#soon();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    const line = await this.#line?.catch(() => null);
    line?.close();
  }

  async #fetch(): Promise<{ readonly seen: Seen; readonly bundle: Bundle | PolicyError }> {
    let head: string | null = null;
    try {
      const line = await this.#opened();
      const present = await readHead(line);
      head = encodeHead(present);
      const bundle = await readBundleAt(line, present, this.#host.clock.mono);
      return { seen: { head, problem: null }, bundle };
    } catch (error) {
      const problem = problemOf(error);
      return { seen: { head, problem: problem.message }, bundle: problem };
    }
  }

  #opened(): Promise<Line> {
    if (this.#line !== null) return this.#line;
    const line = this.#host.open({
      onPublished: () => this.#soon(),
      onClosed: () => {
        if (this.#line !== line) return;
        this.#line = null;
        this.#soon();
      },
    });
    this.#line = line;
    line.catch(() => {
      if (this.#line === line) this.#line = null;
    });
    return line;
  }

  /** Looks as soon as the pace allows it. */
  #soon(): void {
    if (this.#isClosed || this.#follower === null) return;
    if (this.#isLooking) {
      this.#isWanted = true;
      return;
    }
    this.#cancel();
    const wait = this.#lookedAt + MIN_BUCKET_LOOK_MS - this.#host.clock.mono();
    this.#cancel = this.#host.clock.after(Math.max(0, wait), () => void this.#look());
  }

  async #look(): Promise<void> {
    const follower = this.#follower;
    if (follower === null || this.#isClosed) return;
    this.#isLooking = true;
    this.#lookedAt = this.#host.clock.mono();
    try {
      if (await this.#hasChanged()) await follower.load();
      await this.#tell(follower);
    } finally {
      this.#isLooking = false;
    }
    if (this.#isClosed) return;
    if (this.#isWanted) {
      this.#isWanted = false;
      this.#soon();
    } else this.#cancel = this.#host.clock.after(BUCKET_LOOK_MS, () => void this.#look());
  }

  /** The pieces are read only if the head is another one, or if something was wrong with them before. */
  async #hasChanged(): Promise<boolean> {
    const seen = this.#seen;
    if (seen !== null && seen.problem === null) {
      try {
        if (encodeHead(await readHead(await this.#opened())) === seen.head) return false;
      } catch {
        // The complete attempt below finds the same problem, and names it.
      }
    }
    const found = (await this.#fetch()).seen;
    return found.head !== seen?.head || found.problem !== seen.problem;
  }

  async #tell({ standing, identity, name }: BucketFollower): Promise<void> {
    const present = standing();
    const text = JSON.stringify(present);
    const { wall, mono } = this.#host.clock;
    if (text === this.#told && mono() - this.#toldAt < STANDING_MS) return;
    try {
      const line = await this.#opened();
      await line.write(statusKey(name), Buffer.from(await encodeStanding(identity, { ...present, at: wall() })));
      this.#told = text;
      this.#toldAt = mono();
    } catch {
      // Without a line the row stays as it is, and its age says so.
      this.#told = '';
    }
  }
}

/** All that can go wrong here is about the server, so the last good policy stays in force. */
function problemOf(error: unknown): PolicyError {
  if (error instanceof PolicyError) return error;
  if (!(error instanceof CodedError)) throw error;
  const message = `the bucket of policies cannot be read: ${error.message} (${String(error.code)})`;
  return new PolicyError('ERR_POLICY_BUCKET', message, [], error);
}
