/**
 * What Casbin does that we rely on not relying on. Each test pins one behaviour of the installed version; when an upgrade
 * changes one, the guard against it can be looked at again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CachedEnforcer,
  DefaultRoleManager,
  type Enforcer,
  FileAdapter,
  newEnforcer,
  newModelFromString,
  StringAdapter,
  Util,
} from 'casbin';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MODEL_TEXT } from '../../../policy/read/casbin-model.ts';

const hazards = suite('casbin hazards');

const ALLOW = 'p, a, b, msg, send, allow';

async function loaded(policy: string, model = MODEL_TEXT): Promise<Enforcer> {
  return newEnforcer(newModelFromString(model), new StringAdapter(policy));
}

async function decision(policy: string, ...request: unknown[]): Promise<boolean> {
  return (await loaded(policy)).enforceSync(...(request.length > 0 ? request : ['a', 'b', 'msg', 'send']));
}

function temporary(content: string): { path: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'argus-'));
  const path = join(directory, 'policy.csv');
  writeFileSync(path, content);
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

hazards('1: a deny-only effect allows everything under an empty policy; ours allows nothing', async () => {
  const denyOnly = MODEL_TEXT.replace(/^e = .*$/m, 'e = !some(where (p.eft == deny))');
  const open = await newEnforcer(newModelFromString(denyOnly));
  const shut = await newEnforcer(newModelFromString(MODEL_TEXT));
  for (const enforcer of [open, shut]) await enforcer.buildRoleLinks();
  assert.is(open.enforceSync('a', 'b', 'msg', 'send'), true);
  assert.is(shut.enforceSync('a', 'b', 'msg', 'send'), false);
});

hazards('2: loadPolicy clears first; a failed reload keeps the rows above the bad one, or nothing', async () => {
  const file = temporary(`${ALLOW}\np, a, b, msg, send, deny\n`);
  try {
    const enforcer = await newEnforcer(newModelFromString(MODEL_TEXT), new FileAdapter(file.path));
    assert.is(enforcer.enforceSync('a', 'b', 'msg', 'send'), false);
    writeFileSync(file.path, `${ALLOW}\np, oops(, b, msg, send, deny\np, a, b, msg, send, deny\n`);
    await enforcer.loadPolicy().then(
      () => assert.unreachable(),
      () => undefined,
    );
    assert.is(enforcer.enforceSync('a', 'b', 'msg', 'send'), true);
    rmSync(file.path);
    await enforcer.loadPolicy().then(
      () => assert.unreachable(),
      () => undefined,
    );
    assert.is(enforcer.enforceSync('a', 'b', 'msg', 'send'), false);
  } finally {
    file.remove();
  }
});

for (const key of ['P', 'pp', 'p2', 'policy', '; p']) {
  hazards(`3: a row that starts with "${key}" vanishes without an error`, async () => {
    const enforcer = await loaded(`${ALLOW}\n${key}, a, b, msg, send, deny`);
    assert.is((await enforcer.getPolicy()).length, 1);
    assert.is(enforcer.enforceSync('a', 'b', 'msg', 'send'), true);
  });
}

for (const effect of ['Deny', 'dney', 'deny # why', 'DENY', 'de\u200bny', ', deny', '']) {
  hazards(`4: the effect "${effect}" does not deny`, async () => {
    assert.is(await decision(`${ALLOW}\np, a, b, msg, send,${effect === '' ? '' : ` ${effect}`}`), true);
  });
}

hazards('4: a missing effect column counts as allow', async () => {
  assert.is(await decision('p, a, b, msg, send'), true);
});

hazards('5: the cached enforcer confuses requests whose words join alike, and outlives a reload', async () => {
  const model =
    '[request_definition]\nr = x, y\n[policy_definition]\np = x, y\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = r.x == p.x && r.y == p.y\n';
  const enforcer = new CachedEnforcer();
  await enforcer.initWithModelAndAdapter(newModelFromString(model), new StringAdapter('p, a$$b, c'));
  assert.is(await enforcer.enforce('a$$b', 'c'), true);
  assert.is(await enforcer.enforce('a', 'b$$c'), true);
  assert.is(enforcer.enforceSync('a', 'b$$c'), false);
  enforcer.setAdapter(new StringAdapter('p, x, y'));
  await enforcer.loadPolicy();
  assert.is(await enforcer.enforce('a$$b', 'c'), true);
});

hazards('6: enableEnforce(false) allows everything', async () => {
  const enforcer = await loaded('p, x, x, x, x, deny');
  enforcer.enableEnforce(false);
  assert.is(enforcer.enforceSync('nobody', 'nothing', 'never', 'none'), true);
});

hazards('7: without rows a request of empty strings is allowed, and the number of words is not looked at', async () => {
  const enforcer = await newEnforcer(newModelFromString(MODEL_TEXT));
  await enforcer.buildRoleLinks();
  assert.is(enforcer.enforceSync('', '', '', ''), true);
  assert.is(enforcer.enforceSync('a'), false);
});

hazards('8: a decision evaluates every row, also after the one that allows', async () => {
  const enforcer = await loaded(
    [ALLOW, ...Array.from({ length: 50 }, (_, n) => `p, x${n}, b, msg, send, allow`)].join('\n'),
  );
  let looked = 0;
  const assertion = enforcer.getModel().model.get('p')?.get('p');
  assert.ok(assertion);
  assertion.policy = assertion.policy.map(
    (row) =>
      new Proxy(row, {
        get: (target, key) => {
          if (key === '0') looked++;
          return Reflect.get(target, key);
        },
      }),
  );
  enforcer.enforceSync('a', 'b', 'msg', 'send');
  assert.is(looked, 51);
});

hazards('9: a VM called like a label has the rights of the label', async () => {
  assert.is(await decision('p, admins, b, msg, send, allow\ng, alice, admins', 'admins', 'b', 'msg', 'send'), true);
});

hazards('10: role links end after ten, silently; cycles load', async () => {
  const roles = new DefaultRoleManager(10);
  for (let n = 0; n < 12; n++) await roles.addLink(`l${n}`, `l${n + 1}`);
  assert.is(await roles.hasLink('l0', 'l10'), true);
  assert.is(await roles.hasLink('l0', 'l11'), false);
  assert.is(await decision('p, x, b, msg, send, allow\ng, a, x\ng, x, a'), true);
});

hazards('11: comparison is loose: an array or object that reads like a name matches it', async () => {
  for (const impostor of [['a'], { toString: () => 'a' }])
    assert.is(await decision(ALLOW, impostor, 'b', 'msg', 'send'), true);
  const short = MODEL_TEXT.replace('g(r.src, p.src)', 'r.src == p.src');
  const enforcer = await loaded(ALLOW, short);
  assert.is(enforcer.enforceSync('a', 'b', ['msg'], { toString: () => 'send' }), true);
});

hazards('12: a faulty matcher loads and fails at the first decision; a misspelt field widens it', async () => {
  const broken = await loaded(ALLOW, MODEL_TEXT.replace(/^m = .*$/m, 'm = g(r.src, p.src) && ('));
  assert.throws(() => broken.enforceSync('a', 'b', 'msg', 'send'));
  const widened = await loaded(ALLOW, MODEL_TEXT.replace(/^m = .*$/m, 'm = r.sorce == p.sorce'));
  assert.is(widened.enforceSync('rogue', 'x', 'y', 'z'), true);
  const effect = await loaded(ALLOW, MODEL_TEXT.replace(/^e = .*$/m, 'e = some(where (p.eft==allow))'));
  assert.throws(() => effect.enforceSync('a', 'b', 'msg', 'send'));
});

hazards('12: a semicolon or hash in a model line cuts it short', async () => {
  const cut = await loaded(ALLOW, MODEL_TEXT.replace('&& r.cls == p.cls', '; && r.cls == p.cls'));
  assert.is(cut.enforceSync('a', 'b', 'other', 'other'), true);
});

hazards('13: pattern functions match more than they say', () => {
  assert.is(Util.keyMatchFunc('vmEvil', 'vm*-trusted'), true);
  assert.is(Util.regexMatchFunc('resend', 'send'), true);
  assert.is(Util.keyMatch2Func('vmXweb', 'vm.web'), true);
});

hazards('14: with the file adapter addPolicy says yes and writes nothing; savePolicy drops comments', async () => {
  const file = temporary(`# who\n${ALLOW}\n`);
  try {
    const enforcer = await newEnforcer(newModelFromString(MODEL_TEXT), new FileAdapter(file.path));
    assert.is(await enforcer.addPolicy('x', 'b', 'msg', 'send', 'allow'), true);
    assert.is(readFileSync(file.path, 'utf8'), `# who\n${ALLOW}\n`);
    await enforcer.savePolicy();
    assert.not.match(readFileSync(file.path, 'utf8'), '# who');
  } finally {
    file.remove();
  }
});

hazards('a carriage return inside a line drops the second row', async () => {
  assert.is(await decision(`${ALLOW}\rp, a, b, msg, send, deny`), true);
});

hazards('a short row matches a request with an undefined word', async () => {
  const model = MODEL_TEXT.replace(
    /^m = .*$/m,
    'm = r.src == p.src && r.dst == p.dst && r.cls == p.cls && r.perm == p.perm',
  );
  const enforcer = await loaded('p, a, b, msg', model);
  assert.is(enforcer.enforceSync('a', 'b', 'msg', undefined), true);
});

hazards('role links count only once buildRoleLinks has tied the role manager to the model', async () => {
  const enforcer = await newEnforcer(newModelFromString(MODEL_TEXT));
  await enforcer.getRoleManager().addLink('a', '@x');
  const assertion = enforcer.getModel().model.get('p')?.get('p');
  assert.ok(assertion);
  assertion.policy = [['@x', 'b', 'msg', 'send', 'allow']];
  assert.is(enforcer.enforceSync('a', 'b', 'msg', 'send'), false);
  await enforcer.buildRoleLinks();
  await enforcer.getRoleManager().addLink('a', '@x');
  assert.is(enforcer.enforceSync('a', 'b', 'msg', 'send'), true);
});

hazards('duplicates are kept', async () => {
  assert.is((await (await loaded(`${ALLOW}\n${ALLOW}`)).getPolicy()).length, 2);
});

hazards('enforceSync follows role links (early versions allowed everything)', async () => {
  assert.is(await decision('p, @x, b, msg, send, allow\ng, y, @x'), false);
});

hazards.run();
