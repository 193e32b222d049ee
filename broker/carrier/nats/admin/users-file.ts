/** users.json: the public nkey of each user. Enrolment adds entries, and revocation removes them. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { didYouMean } from '../../../base/index.ts';
import { OUR_WORDS, problemOf } from '../../../config/index.ts';
import { NatsCarrierError } from '../errors.ts';
import { isUserNkey } from '../line/nkey.ts';
import { isSubjectName } from '../subjects.ts';
import { parseJson, readPublic, writeWhole } from './files.ts';

const name = z.string().refine(isSubjectName, { error: 'expected a name of a-z, 0-9 and "-"' });
const KINDS = ['brokers', 'domains', 'admins'] as const;
const schema = z.strictObject({
  brokers: z.record(name, z.string()),
  domains: z.record(name, z.string()),
  /** People who publish policies. Files of earlier versions have none. */
  admins: z.record(name, z.string()).default({}),
});

export type NatsUsers = z.output<typeof schema>;
export type UserKind = keyof NatsUsers;

/** @throws NatsCarrierError ERR_NATS_FILE */
export async function readUsers(path: string): Promise<NatsUsers> {
  if (!existsSync(path)) return { brokers: {}, domains: {}, admins: {} };
  const text = await readPublic(path, 'run: argus nats config DIR');
  const parsed = schema.safeParse(parseJson(text), OUR_WORDS);
  if (parsed.success) return parsed.data;
  throw new NatsCarrierError('ERR_NATS_FILE', `"${path}": ${parsed.error.issues.map(problemOf).join('; ')}`);
}

export async function writeUsers(path: string, users: NatsUsers): Promise<void> {
  await writeWhole(path, `${JSON.stringify(users, null, 2)}\n`, 'public');
}

/** @throws NatsCarrierError ERR_NATS_USER */
export async function withUser(users: NatsUsers, kind: UserKind, name: string, nkey: string): Promise<NatsUsers> {
  if (!isSubjectName(name)) throw new NatsCarrierError('ERR_NATS_USER', `"${name}" is no name: a-z, 0-9 and "-"`);
  if (!(await isUserNkey(nkey)))
    throw new NatsCarrierError('ERR_NATS_USER', `"${nkey}" is no public nkey of a user; "argus nats key DIR" shows it`);
  const holder = KINDS.flatMap((each) =>
    Object.entries(users[each]).map(([other, key]) => ({ each, other, key })),
  ).find(({ each, other, key }) => key === nkey && (other !== name || each !== kind));
  if (holder !== undefined)
    throw new NatsCarrierError('ERR_NATS_USER', `this nkey belongs to "${holder.other}"; each end has its own`);
  return { ...users, [kind]: { ...users[kind], [name]: nkey } };
}

export function withoutUser(users: NatsUsers, name: string): NatsUsers {
  const enrolled = KINDS.flatMap((kind) => Object.keys(users[kind]));
  if (!enrolled.includes(name))
    throw new NatsCarrierError('ERR_NATS_USER', `"${name}" is not enrolled${didYouMean(name, enrolled)}`);
  const without = (entries: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(entries).filter(([key]) => key !== name));
  return { brokers: without(users.brokers), domains: without(users.domains), admins: without(users.admins) };
}
