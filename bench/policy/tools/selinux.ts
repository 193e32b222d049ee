/** The rows of `manyRows` as a SELinux policy in the language of checkpolicy: the same pairs, classes and permission. */
import { DOMAINS, manyRowsPairs } from '../compile.ts';

/** checkpolicy wants a class, a permission, an initial context, a role and a user; the types are our domains. */
export function selinuxPolicy(rows: number): string {
  const types = Array.from({ length: DOMAINS }, (_, index) => `type vm_${index}, domain;\n`);
  const rules = manyRowsPairs(rows).map(({ from, to, name }) => `allow vm_${from} vm_${to}:${name} { send };\n`);
  return `class argo
class data
sid kernel
class argo { send }
class data { send }
attribute domain;
${types.join('')}${rules.join('')}role system_r;
role system_r types domain;
user system_u roles { system_r };
sid kernel system_u:system_r:vm_0
`;
}
