/**
 * Every operation of the control socket, with the roles whose keys may ask for it. Default deny: a role that is not in
 * the list of an operation may not ask for it, and a broker's or a domain's key is in no list.
 */
import type { Role } from '../../keys/index.ts';

export interface ControlRoute {
  /** Its name in the audit log. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** It may change something, or states something: each request is recorded, with its result. */
  readonly isChange: boolean;
}

const ADMIN: readonly Role[] = ['admin'];
/** An auditor sees all that an admin sees, and changes nothing. An auditor alone reviews the log. */
const READERS: readonly Role[] = ['admin', 'auditor'];

function change(name: string): ControlRoute {
  return { name, roles: ADMIN, isChange: true };
}

/** What was done with the log: the record of the request is all that it does. */
function statement(name: string, roles: readonly Role[]): ControlRoute {
  return { name, roles, isChange: true };
}

function look(name: string): ControlRoute {
  return { name, roles: READERS, isChange: false };
}

export const ROUTES: ReadonlyMap<string, ControlRoute> = new Map([
  ['GET /v1/status', look('status')],
  ['GET /metrics', look('metrics')],
  ['GET /v1/policy/files', look('policy.files')],
  ['GET /v1/grants', look('grants.list')],
  ['GET /v1/modes', look('modes.list')],
  ['GET /v1/keys', look('keys.list')],
  ['GET /v1/keys/register', look('keys.register.known')],
  ['POST /v1/policy/reload', change('policy.reload')],
  ['POST /v1/policy/apply', change('policy.apply')],
  ['POST /v1/policy/stage', change('policy.stage')],
  ['POST /v1/grants', change('grants.add')],
  ['POST /v1/grants/revoke', change('grants.revoke')],
  ['POST /v1/modes', change('modes.set')],
  ['POST /v1/keys/revocations', change('keys.revoke')],
  ['POST /v1/keys/register', change('keys.register')],
  ['POST /v1/audit/review', statement('audit.review', ['auditor'])],
  ['POST /v1/audit/read', statement('audit.read', READERS)],
  ['POST /v1/audit/export', statement('audit.export', READERS)],
]);
