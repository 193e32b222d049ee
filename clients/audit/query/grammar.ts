/**
 * The question grammar: `decision=deny src=chrome-vm since=today reason!=NO_RULE`. Pure.
 *
 *   question = or            or  = and ("OR" and)*        and = not+  ("AND" may be written)
 *   not      = ["NOT"] atom  atom = "(" or ")" | FIELD op VALUE | FIELD "in" "(" VALUE ("," VALUE)* ")" | since=T | until=T
 *   op       = "=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">="
 *
 * A value that holds spaces, brackets, commas or the words OR, AND, NOT is quoted: `reason="a \"b\" OR c"`. `~` is a
 * regular expression; it is anchored nowhere. `src=@app` asks for a label.
 */
import { AuditQuestionError } from '../errors.ts';
import { FIELDS, fieldOf, NUMERIC_FIELDS, type QueryField } from './fields.ts';
import { parseTime, TIME_WORDS } from './times.ts';

export type Operator = '=' | '!=' | '~' | '!~' | '<' | '<=' | '>' | '>=';

export type Question =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Question[] }
  | { readonly kind: 'not'; readonly of: Question }
  | {
      readonly kind: 'text';
      readonly field: QueryField;
      readonly values: readonly string[];
      readonly isNegated: boolean;
    }
  | { readonly kind: 'pattern'; readonly field: QueryField; readonly pattern: RegExp; readonly isNegated: boolean }
  | { readonly kind: 'number'; readonly field: QueryField; readonly operator: Operator; readonly value: number }
  | { readonly kind: 'time'; readonly operator: '<' | '>='; readonly value: number };

/** A longer question is a mistake, and a longer pattern could be made slow. */
const MAX_QUESTION_CHARACTERS = 4_096;
const MAX_PATTERN_CHARACTERS = 200;
const MAX_DEPTH = 32;

type Token =
  | { readonly kind: 'open' | 'close' | 'comma'; readonly at: number }
  | { readonly kind: 'operator'; readonly at: number; readonly operator: Operator }
  | { readonly kind: 'word'; readonly at: number; readonly text: string; readonly isQuoted: boolean };

/** @throws AuditQuestionError ERR_AUDIT_QUERY, whose message points at the place */
export function parseQuestion(text: string, now: number): Question {
  if (text.length > MAX_QUESTION_CHARACTERS) throw fault(text.slice(0, 40), 0, 'the question is too long');
  return new Parser(text, tokensOf(text), now).question();
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const pattern = /\s*(?:(\()|(\))|(,)|(!=|!~|<=|>=|=|~|<|>)|"((?:[^"\\]|\\.)*)"|([^\s()=!~<>,"]+))/gy;
  let at = 0;
  while (at < text.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) {
      const rest = text.slice(at);
      if (rest.trim() === '') break;
      const place = at + rest.length - rest.trimStart().length;
      throw fault(text, place, text[place] === '"' ? 'this quote is not closed' : 'this cannot stand here');
    }
    const place = pattern.lastIndex - match[0].trimStart().length;
    const [, open, close, comma, operator, quoted, word] = match;
    if (open !== undefined) tokens.push({ kind: 'open', at: place });
    else if (close !== undefined) tokens.push({ kind: 'close', at: place });
    else if (comma !== undefined) tokens.push({ kind: 'comma', at: place });
    else if (operator !== undefined) tokens.push({ kind: 'operator', at: place, operator: operator as Operator });
    else if (quoted !== undefined)
      tokens.push({ kind: 'word', at: place, text: quoted.replace(/\\(.)/g, '$1'), isQuoted: true });
    else tokens.push({ kind: 'word', at: place, text: word ?? '', isQuoted: false });
    at = pattern.lastIndex;
  }
  return tokens;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #now: number;
  #at = 0;
  #depth = 0;

  constructor(text: string, tokens: readonly Token[], now: number) {
    this.#text = text;
    this.#tokens = tokens;
    this.#now = now;
  }

  question(): Question {
    if (this.#tokens.length === 0) return { kind: 'all' };
    const question = this.#or();
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw this.#fault(rest.at, 'this cannot stand here');
    return question;
  }

  #or(): Question {
    const of = [this.#and()];
    while (this.#takesWord('OR')) of.push(this.#and());
    return join('or', of);
  }

  #and(): Question {
    const of = [this.#not()];
    for (let next = this.#tokens[this.#at]; next !== undefined; next = this.#tokens[this.#at]) {
      if (next.kind === 'close' || isKeyword(next, 'OR')) break;
      this.#takesWord('AND');
      of.push(this.#not());
    }
    return join('and', of);
  }

  #not(): Question {
    return this.#takesWord('NOT') ? { kind: 'not', of: this.#not() } : this.#atom();
  }

  #atom(): Question {
    const token = this.#next('a condition such as src=chrome-vm is missing here');
    if (token.kind === 'open') return this.#group(token.at);
    if (token.kind !== 'word') throw this.#fault(token.at, 'a field name is expected here');
    const after = this.#next(`an operator is missing after "${token.text}"`);
    if (after.kind === 'word' && isKeyword(after, 'IN')) return this.#oneOf(token);
    if (after.kind !== 'operator') throw this.#fault(after.at, `an operator is expected after "${token.text}"`);
    const value = this.#next('a value is missing here');
    if (value.kind !== 'word') throw this.#fault(value.at, 'a value is expected here; quote it if it has brackets');
    return this.#compare(token, after.operator, value);
  }

  #group(at: number): Question {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#fault(at, 'too many brackets');
    const inner = this.#or();
    this.#depth -= 1;
    const close = this.#tokens[this.#at];
    if (close?.kind !== 'close') throw this.#fault(at, 'this bracket is not closed');
    this.#at += 1;
    return inner;
  }

  #oneOf(name: WordToken): Question {
    const open = this.#next('a list such as (a, b) is missing here');
    if (open.kind !== 'open') throw this.#fault(open.at, 'a list such as (a, b) is expected here');
    const of: Question[] = [];
    for (;;) {
      const value = this.#next('a value is missing here');
      if (value.kind !== 'word') throw this.#fault(value.at, 'a value is expected here');
      of.push(this.#compare(name, '=', value));
      const border = this.#next('the list is not closed');
      if (border.kind === 'close') return join('or', of);
      if (border.kind !== 'comma') throw this.#fault(border.at, 'a comma is expected here');
    }
  }

  #compare(name: WordToken, operator: Operator, value: WordToken): Question {
    if (name.text === 'since' || name.text === 'until') return this.#moment(name, operator, value);
    const field = fieldOf(name.text);
    if (field === null)
      throw this.#fault(name.at, `"${name.text}" is no field; there are ${FIELDS.join(', ')}, since, until`);
    if (operator === '~' || operator === '!~') return this.#pattern(field, operator, value);
    if (field === 'time') return this.#moment({ ...name, text: operator === '<' ? 'until' : 'since' }, '=', value);
    if (NUMERIC_FIELDS.has(field)) return this.#number(field, operator, value);
    if (operator !== '=' && operator !== '!=')
      throw this.#fault(name.at, `"${field}" is a text: it can be compared with = != ~ !~`);
    return { kind: 'text', field, values: [value.text], isNegated: operator === '!=' };
  }

  #moment(name: WordToken, operator: Operator, value: WordToken): Question {
    const time = parseTime(value.text, this.#now);
    if (operator !== '=') throw this.#fault(name.at, `"${name.text}" takes =`);
    if (time === null) throw this.#fault(value.at, `not a moment; write ${TIME_WORDS}`);
    return { kind: 'time', operator: name.text === 'since' ? '>=' : '<', value: time };
  }

  #number(field: QueryField, operator: Operator, value: WordToken): Question {
    const number = value.text === 'true' ? 1 : value.text === 'false' ? 0 : Number(value.text);
    if (value.text === '' || !Number.isFinite(number)) throw this.#fault(value.at, `"${field}" is a number`);
    return { kind: 'number', field, operator, value: number };
  }

  #pattern(field: QueryField, operator: '~' | '!~', value: WordToken): Question {
    if (value.text.length > MAX_PATTERN_CHARACTERS) throw this.#fault(value.at, 'the pattern is too long');
    try {
      return { kind: 'pattern', field, pattern: new RegExp(value.text, 'u'), isNegated: operator === '!~' };
    } catch {
      throw this.#fault(value.at, 'not a regular expression');
    }
  }

  #next(missing: string): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw this.#fault(this.#text.length, missing);
    this.#at += 1;
    return token;
  }

  #takesWord(keyword: string): boolean {
    const token = this.#tokens[this.#at];
    if (token === undefined || !isKeyword(token, keyword)) return false;
    this.#at += 1;
    return true;
  }

  #fault(at: number, message: string): AuditQuestionError {
    return fault(this.#text, at, message);
  }
}

type WordToken = Extract<Token, { readonly kind: 'word' }>;

function isKeyword(token: Token, keyword: string): boolean {
  return token.kind === 'word' && !token.isQuoted && token.text.toUpperCase() === keyword;
}

function join(kind: 'and' | 'or', of: readonly Question[]): Question {
  const [only] = of;
  return of.length === 1 && only !== undefined ? only : { kind, of };
}

function fault(text: string, at: number, message: string): AuditQuestionError {
  return new AuditQuestionError('ERR_AUDIT_QUERY', `${message}, at character ${at + 1} of: ${text}`);
}
