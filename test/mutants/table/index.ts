/** Every mutant, room by room. A new security line comes with a row in the table of its room. */
import type { Mutant } from '../mutant.ts';
import { AUDIT } from './audit/audit.ts';
import { CONSOLE } from './audit/console.ts';
import { QUESTIONS } from './audit/questions.ts';
import { WITNESSES } from './audit/witnesses.ts';
import { CHANNEL_MUTANTS } from './broker/channel.ts';
import { CONTROL } from './broker/control.ts';
import { CORE } from './broker/core.ts';
import { SESSION } from './broker/session.ts';
import { CLIENTS } from './clients/clients.ts';
import { DEVICES } from './clients/devices.ts';
import { SEGMENTS } from './clients/segments.ts';
import { CLONES } from './keys/clones.ts';
import { KEYS } from './keys/keys.ts';
import { NEW_KEYS } from './keys/new-keys.ts';
import { REGISTER } from './keys/register.ts';
import { RENEWAL } from './keys/renewal.ts';
import { ROTATION } from './keys/rotation.ts';
import { SHARES } from './keys/shares.ts';
import { BUNDLE } from './policy/bundles.ts';
import { CHANGE } from './policy/changes.ts';
import { POLICY } from './policy/policy.ts';

export const MUTANTS: readonly Mutant[] = [
  ...CORE,
  ...CONTROL,
  ...POLICY,
  ...CHANGE,
  ...BUNDLE,
  ...KEYS,
  ...CLONES,
  ...ROTATION,
  ...NEW_KEYS,
  ...REGISTER,
  ...SHARES,
  ...RENEWAL,
  ...SESSION,
  ...CHANNEL_MUTANTS,
  ...AUDIT,
  ...WITNESSES,
  ...CONSOLE,
  ...QUESTIONS,
  ...DEVICES,
  ...SEGMENTS,
  ...CLIENTS,
];
