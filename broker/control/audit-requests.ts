/** POST /v1/audit/{review,read,export}: what was done with the log. The record of the request is all that they do. */
import { z } from 'zod';
import { MAX_GRANT_TEXT } from '../process/index.ts';
import type { Reviews } from '../service/index.ts';
import { badBody, type ControlAnswer, type ControlRequest, readJson } from './request-body.ts';

/** Two tokens of at most 8192 characters each. */
const MAX_BODY_BYTES = 20_480;

const text = z.string().max(MAX_GRANT_TEXT);
const reviewBody = z.strictObject({ credential: z.string(), statement: z.string() });
const readBody = z.strictObject({
  by: text,
  /** The command or the view. */
  what: text,
  /** Which records were asked for; empty: all. */
  question: z.string().max(MAX_BODY_BYTES).default(''),
});
const exportBody = readBody.extend({ records: z.int().min(0) });

/** Never rejects. 200: it is recorded. 422: refused with a code. 400: the body is not valid. */
export async function answerAudit(request: ControlRequest, reviews: Reviews): Promise<ControlAnswer> {
  try {
    const body = await readJson(request, MAX_BODY_BYTES);
    if (request.url !== '/v1/audit/review') {
      const { question, ...asked } = (request.url === '/v1/audit/export' ? exportBody : readBody).parse(body);
      return { code: 200, body: { ok: true }, asked: { ...asked, question: question.slice(0, MAX_GRANT_TEXT) } };
    }
    const result = await reviews.accept(reviewBody.parse(body));
    if (!result.ok) return { code: 422, body: result, asked: {} };
    const { note, ...review } = result.review;
    return { code: 200, body: { ok: true, ...result.review }, asked: { ...review, why: note } };
  } catch (error) {
    return badBody(error);
  }
}
