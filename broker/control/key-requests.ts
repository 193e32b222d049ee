/** What the authority has signed: a revocation list, and extracts of its register for the audit log. */
import { z } from 'zod';
import type { KeyRegister, KeyWatch } from '../service/index.ts';
import { badBody, type ControlAnswer, type ControlRequest, readJson } from './request-body.ts';

/** A whole list in JSON. */
const MAX_LIST_BODY_BYTES = 2 ** 20 + 1024;

const listBody = z.strictObject({ list: z.string() });

const registerBody = z.strictObject({ extract: z.string() });

/** POST /v1/keys/revocations. Never rejects. 200: the list is in force. 422: refused with a code. 400: the body is not valid. */
export async function answerRevocations(request: ControlRequest, keys: KeyWatch): Promise<ControlAnswer> {
  try {
    const { list } = listBody.parse(await readJson(request, MAX_LIST_BODY_BYTES));
    const result = await keys.install(list);
    if (!result.ok)
      return {
        code: 422,
        body: { ok: false, code: `ERR_BROKER_LIST_${result.reason}`, message: result.message },
        asked: {},
      };
    const { isNew, ended } = result;
    const { serial } = result.list;
    return { code: 200, body: { ok: true, serial, isNew, ended }, asked: { serial, ended } };
  } catch (error) {
    return badBody(error);
  }
}

/** POST /v1/keys/register. Never rejects. 200: in the log, each entry once. 422: refused with a code. 400: not valid. */
export async function answerRegister(request: ControlRequest, register: KeyRegister): Promise<ControlAnswer> {
  try {
    const { extract } = registerBody.parse(await readJson(request, MAX_LIST_BODY_BYTES));
    const result = await register.take(extract);
    if (!result.ok)
      return {
        code: 422,
        body: { ok: false, code: `ERR_BROKER_REGISTER_${result.reason}`, message: result.message },
        asked: {},
      };
    const { recorded } = result;
    return { code: 200, body: { ok: true, recorded, isNew: recorded > 0 }, asked: { recorded } };
  } catch (error) {
    return badBody(error);
  }
}
