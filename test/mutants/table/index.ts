/** Every mutant, room by room. A new security line comes with a row in the table of its room. */
import type { Mutant } from '../mutant.ts';
import { AUDIT } from './audit.ts';
import { BUNDLE } from './bundles.ts';
import { CHANGE } from './changes.ts';
import { CHANNEL_MUTANTS } from './channel.ts';
import { CLIENTS } from './clients.ts';
import { CLONES } from './clones.ts';
import { CONSOLE } from './console.ts';
import { CONTROL } from './control.ts';
import { CORE } from './core.ts';
import { DEVICES } from './devices.ts';
import { KEYS } from './keys.ts';
import { NEW_KEYS } from './new-keys.ts';
import { POLICY } from './policy.ts';
import { REGISTER } from './register.ts';
import { RENEWAL } from './renewal.ts';
import { ROTATION } from './rotation.ts';
import { SEGMENTS } from './segments.ts';
import { SESSION } from './session.ts';
import { SHARES } from './shares.ts';
import { WITNESSES } from './witnesses.ts';

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
  ...DEVICES,
  ...SEGMENTS,
  ...CLIENTS,
];
