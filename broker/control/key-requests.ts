/** POST /v1/keys/revocations: a revocation list, as `argus keys revoke` and `argus keys publish` send it. */
import { z } from 'zod';
import type { KeyWatch } from '../service/index.ts';
import { badBody, type ControlAnswer, type ControlRequest, readJson } from './request-body.ts';

/** A whole list in JSON. */
const MAX_LIST_BODY_BYTES = 2 ** 20 + 1024;

const listBody = z.strictObject({ list: z.string() });

/** Never rejects. 200: the list is in force. 422: refused with a code. 400: the body is not valid. */
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
