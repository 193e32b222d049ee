/** Keys that sign policies, in memory. */
import { generatePrivateJwk, SigningKey, signStatement } from '../../keys/credential/index.ts';

export interface TestSigner {
  /** RFC 7638. */
  readonly thumbprint: string;
  signStatement(typ: string, claims: object): Promise<string>;
}

export async function testSigner(): Promise<TestSigner> {
  const key = await SigningKey.fromPrivateJwk(await generatePrivateJwk());
  if (key === null) throw new Error('the generated key does not fit');
  return { thumbprint: key.thumbprint, signStatement: (typ, claims) => signStatement(key, typ, claims) };
}
