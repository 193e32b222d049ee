/** policy.csv: each way to write a row that is not perfectly understood refuses the whole file, at its place. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_LINE_LENGTH, MAX_ROWS } from '../../../policy/contract/limits.ts';
import { codesOf, compileTexts, decide, findingsOf, ONE_ROW } from '../compile.ts';

const rows = suite('policy rows');

rows('rows in = rows loaded; comments, empty lines, CRLF, spaces and a BOM at the start are no rows', async () => {
  const policy = await compileTexts({
    policy:
      '\ufeff# Kommentar: Größe\r\n\r\n   # indented\n p ,@app,  @audio , playback,send,   allow\r\ng, rogue-vm, @app\np, rogue-vm, audio-vm, control, *, deny\n',
  });
  assert.is(policy.rows, 3);
  assert.ok(decide(policy, 'rogue-vm', 'audio-vm', 'playback', 'send').allowed);
  const rule = decide(policy, 'rogue-vm', 'audio-vm', 'control', 'other').rule;
  assert.equal(rule, { file: 'policy.csv', line: 6 });
});

/** [what, second line of policy.csv, expected findings] */
const refused: readonly (readonly [string, string, string])[] = [
  ['a missing effect', 'p, @app, @audio, playback, send', 'F-001@2:28'],
  ['a field too many', 'p, @app, @audio, playback, send, allow, allow', 'F-001@2:41'],
  ['an empty field', 'p, @app, @audio, playback, send,, deny', 'F-001@2:33'],
  ['a comma at the end', 'p, @app, @audio, playback, send, deny,', 'F-001@2:39'],
  ['a g row with one column', 'g, rogue-vm', 'F-001@2:4'],
  ['a g row with three columns', 'g, rogue-vm, @app, @audio', 'F-001@2:20'],
  ['an upper-case type', 'P, @app, @audio, playback, send, deny', 'F-002@2:1'],
  ['an unknown type', 'p2, @app, @audio, playback, send, deny', 'F-002@2:1'],
  ['a word for a type', 'policy, @app, @audio, playback, send, deny', 'F-002@2:1'],
  ['a comment after a row', 'p, @app, @audio, playback, send, deny # why', 'F-003@2:39'],
  ['a semicolon comment', '; p, @app, @audio, playback, send, deny', 'F-003@2:1'],
  ['tabs', 'p,\t@app, @audio, playback, send, deny', 'F-003@2:3'],
  ['a NUL', 'p, @app\0, @audio, playback, send, deny', 'F-004@2:8'],
  ['a control character', 'p, @app\u0007, @audio, playback, send, deny', 'F-004@2:8'],
  ['an escape sequence in a comment', '# \u001b[2K harmless', 'F-004@2:3'],
  ['a zero-width space', 'p, @app, @audio, playback, send, de\u200bny', 'F-004@2:36'],
  ['a BIDI override in a comment', '# \u202e p, deny', 'F-004@2:3'],
  ['a BOM in the middle', '\ufeffp, @app, @audio, playback, send, deny', 'F-004@2:1'],
  ['a lone carriage return', 'p, @app, @audio, playback, send, deny\rp, @app, @audio, control, *, deny', 'F-004@2:38'],
  ['a line separator', '# x\u2028p, @app, @audio, playback, send, deny', 'F-004@2:4'],
  ['a Cyrillic letter', 'p, @\u0430pp, @audio, playback, send, deny', 'F-004@2:5'],
  ['a no-break space', 'p,\u00a0@app, @audio, playback, send, deny', 'F-004@2:3'],
  ['quotes', 'p, "@app", @audio, playback, send, deny', 'F-005@2:4'],
  ['parentheses', 'p, vm(a, @audio, playback, send, deny', 'F-005@2:6'],
  ['a pattern', 'p, vm-*, @audio, playback, send, deny', 'F-005@2:4'],
  ['an upper-case name', 'p, Chrome-vm, @audio, playback, send, deny', 'F-005@2:4'],
  ['a wildcard for the source', 'p, *, @audio, playback, send, deny', 'F-005@2:4'],
  ['a wildcard for the destination', 'p, @app, *, playback, send, deny', 'F-005@2:10'],
  ['a wildcard for the class', 'p, @app, @audio, *, send, deny', 'F-005@2:18'],
  ['a permission pattern', 'p, @app, @audio, control, source-*, deny', 'F-005@2:27'],
  ['a g row onto a domain', 'g, rogue-vm, audio-vm', 'F-005@2:14'],
  ['an over-long line', `p, ${'a'.repeat(MAX_LINE_LENGTH)}, @audio, playback, send, deny`, 'F-008@2:0'],
  ['an unknown domain', 'p, crome-vm, @audio, playback, send, deny', 'E-010@2:4'],
  ['an unknown label', 'p, @ap, @audio, playback, send, deny', 'E-011@2:4'],
  ['an unknown class', 'p, @app, @audio, playbak, send, deny', 'E-012@2:18'],
  ['a permission of no class', 'p, @app, @audio, playback, sendd, deny', 'E-013@2:28'],
  ['a permission of another class', 'p, @app, @audio, playback, other, deny', 'E-014@2:28'],
  ['a mistyped effect', 'p, @app, @audio, playback, send, dney', 'E-015@2:34'],
  ['an upper-case effect', 'p, @app, @audio, playback, send, Deny', 'E-015@2:34'],
  ['broker as a source', 'p, broker, @audio, playback, send, deny', 'E-016@2:4'],
  ['broker with a label', 'g, broker, @app', 'E-016@2:4'],
  ['@any as a member', 'g, @any, @app', 'E-016@2:4'],
  ['@any as a label to get', 'g, rogue-vm, @any', 'E-016@2:14'],
  ['a service class of the broker', 'p, @app, broker, playback, send, allow', 'E-054@2:10'],
  ['sending to the broker', 'p, @app, broker, argo, send, allow', 'E-054@2:10'],
  ['enable of a domain', 'p, @app, @audio, argo, enable, allow', 'E-054@2:10'],
  ['register_any_source of a domain', 'p, @app, @any, argo, register_any_source, allow', 'E-054@2:10'],
];
for (const [what, line, expected] of refused) {
  rows(`${what} refuses the file`, async () => {
    assert.equal(await codesOf({ policy: `${ONE_ROW}${line}\n` }), [expected]);
  });
}

rows('invalid UTF-8 refuses the file and names the line', async () => {
  const { compilePolicy } = await import('../../../policy/load/compile.ts');
  const { DOMAINS, INSPECTORS, SERVICES } = await import('../compile.ts');
  const { MODEL_TEXT } = await import('../../../policy/read/casbin-model.ts');
  const bytes = (text: string) => Buffer.from(text);
  const files = {
    'model.conf': bytes(MODEL_TEXT),
    'domains.yaml': bytes(DOMAINS),
    'services.yaml': bytes(SERVICES),
    'policy.csv': Buffer.concat([bytes(`${ONE_ROW}# `), Buffer.from([0xc3, 0x28, 0x0a])]),
    'assertions.csv': bytes(''),
    'tests.csv': bytes(''),
  };
  try {
    await compilePolicy(files, { revision: 1, inspectors: INSPECTORS });
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, 'ERR_POLICY_TEXT');
    assert.equal((error as { findings: { line: number }[] }).findings[0]?.line, 2);
  }
});

rows('a file that does not end with a line feed may have been cut short', async () => {
  assert.equal(await codesOf({ policy: `${ONE_ROW}p, @app, @audio, control, *, deny` }), ['F-006@2:0']);
});

rows('an empty file, and one of comments or g rows alone, is refused', async () => {
  for (const policy of ['', '\n\n', '# nothing\n', 'g, rogue-vm, @app\n'])
    assert.equal(await codesOf({ policy }), ['F-007@0:0']);
});

rows('a file larger than the limit is not looked at', async () => {
  assert.equal(await codesOf({ policy: '#'.repeat(5 * 1024 * 1024) }), ['F-008@0:0']);
});

rows('an audit row is read as strictly as a rule', async () => {
  const faults: readonly (readonly [row: string, code: string])[] = [
    ['dontaudit, @app, @audio, playback', 'F-001@2:26'],
    ['dontaudit, @app, @audio, playback, send, deny', 'F-001@2:42'],
    ['auditallow, @ap, @audio, playback, send', 'E-011@2:13'],
    ['auditallow, @app, @audio, playbak, send', 'E-012@2:27'],
    ['dontaudit, @app, @audio, playback, other', 'E-014@2:36'],
    ['dontaudit, @app, @audio, *, send', 'F-005@2:26'],
    ['dontaudit, @app, audio-vm, argo, enable', 'E-054@2:18'],
    ['dontaudit, broker, @audio, argo, send', 'E-016@2:12'],
  ];
  for (const [row, code] of faults) assert.equal(await codesOf({ policy: `${ONE_ROW}${row}\n` }), [code], row);
});

rows('a label that no domain has makes an audit row a finding too', async () => {
  const domains = "labels:\n  - {name: '@ghost'}\ndomains:\n  - {name: a, domid: 1}\n";
  const services = 'classes: []\n';
  const policy = 'p, a, broker, argo, enable, allow\ndontaudit, @ghost, a, argo, send\n';
  assert.equal(await codesOf({ domains, services, policy }), ['E-019@2:1']);
});

rows('audit rows alone are no policy', async () => {
  assert.equal(await codesOf({ policy: 'auditallow, @app, @audio, playback, send\n' }), ['F-007@0:0']);
});

rows('more rows than the limit are refused', async () => {
  const policy = 'g,rogue-vm,@app\n'.repeat(MAX_ROWS + 1);
  assert.equal(await codesOf({ policy }), [`F-008@${MAX_ROWS + 1}:0`]);
});

rows('all findings are reported, from top to bottom, with the code of the first on the error', async () => {
  const policy = 'p, @ap, @audio, playback, send, alow\nx, y\np, @app, @audio, playbak, send, allow # x\n';
  assert.equal(await codesOf({ policy }), ['E-011@1:4', 'E-015@1:33', 'F-002@2:1', 'F-003@3:39']);
  try {
    await compileTexts({ policy });
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, 'ERR_POLICY_UNKNOWN_LABEL');
    assert.match((error as Error).message, 'did you mean "@app"? (E-011) (and 3 more)');
  }
});

const hints: readonly (readonly [string, string])[] = [
  ['p, crome-vm, @audio, playback, send, deny', 'did you mean "chrome-vm"?'],
  ['p, app, @audio, playback, send, deny', 'did you mean the label "@app"?'],
  ['p, @app, @audio, playbakc, send, deny', 'did you mean "playback"?'],
  ['p, @app, @audio, control, sink-crok, deny', 'did you mean "sink-cork"?'],
  ['p, @app, @audio, playback, send, dney', 'did you mean "deny"?'],
  ['p, @app, @audio, playback, send, ALLOW', 'did you mean "allow"?'],
  ['P, @app, @audio, playback, send, allow', 'starts with "p", "g", "dontaudit" or "auditallow"'],
  ['Dontaudit, @app, @audio, playback, send', 'did you mean "dontaudit"?'],
  ['auditalow, @app, @audio, playback, send', 'did you mean "auditallow"?'],
];
for (const [line, hint] of hints) {
  rows(`"${line}" is answered with ${hint}`, async () => {
    const [first] = await findingsOf({ policy: `${line}\n` });
    assert.match(first?.message ?? '', hint);
  });
}

rows.run();
