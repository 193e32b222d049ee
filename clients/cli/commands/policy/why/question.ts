/** The question of `argus why` and `argus policy why`, as a user types it. */
import { type Command, InvalidArgumentError } from 'commander';
import { type AccessQuestion, PolicyError, type PolicyRevision, readQuestion } from '../../../../../policy/index.ts';

export type QuestionWords = readonly [source: string, destination: string, className: string, permission: string];

/** Arguments; in brackets when another option can stand for all of them. */
export function withQuestion(command: Command, isRequired: boolean): Command {
  const name = (text: string): string => (isRequired ? `<${text}>` : `[${text}]`);
  return command
    .argument(name('source'), 'a domain')
    .argument(name('destination'), 'a domain, or broker')
    .argument(name('class'), 'a class')
    .argument(name('permission'), 'a permission of the class')
    .argument('[port]', 'a port of the destination: says which class it is', readPort);
}

function readPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 0xffff_ffff) return port;
  throw new InvalidArgumentError('a port, 1 to 4294967295');
}

/** @throws PolicyError ERR_POLICY_QUESTION when the policy does not have one of the names */
export function questionOf(policy: PolicyRevision, words: QuestionWords): AccessQuestion {
  const question = readQuestion(policy, words);
  if (typeof question === 'string') throw new PolicyError('ERR_POLICY_QUESTION', question);
  return question;
}
