/**
 * A policy.csv of Casbin: `p, SUBJECT, OBJECT, ACTION[, EFFECT]` and `g, MEMBER, ROLE`.
 *
 * The object is the destination, and the mapping file says which class and permission an action is. The model is taken for
 * the usual one, deny-override; rows with more columns belong to another model and are not translated.
 */
import { type Imported, ImportedRows } from './imported.ts';
import { type Mapping, serviceOf, subjectOf } from './mapping.ts';

export function importCasbin(name: string, text: string, mapping: Mapping): Imported {
  const rows = new ImportedRows('casbin');
  const sources = text.split('\n').map((raw, index) => ({ file: name, line: index + 1, text: raw }));
  const fieldsOf = (raw: string): string[] => raw.split(',').map((field) => field.trim().replace(/^"(.*)"$/, '$1'));
  const roles = new Set(
    sources.map((source) => fieldsOf(source.text)).flatMap(([type, , role]) => (type === 'g' && role ? [role] : [])),
  );
  /** A role is a label here, whatever it is called there. */
  const subject = (word: string): string | null =>
    subjectOf(
      roles.has(word) && !word.startsWith('@') && !Object.hasOwn(mapping.names, word) ? `@${word}` : word,
      mapping,
    );
  for (const source of sources) {
    const line = source.text.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [type, ...fields] = fieldsOf(line);
    const isMembership = type === 'g' && fields.length === 2;
    if (!isMembership && !(type === 'p' && (fields.length === 3 || fields.length === 4))) {
      rows.refuse(source, 'not a row of the usual model: p, SUBJECT, OBJECT, ACTION[, EFFECT] or g, MEMBER, ROLE');
      continue;
    }
    const [first = '', second = '', action = '', effect = 'allow'] = fields;
    const [from, to] = [subject(first), subject(second)];
    const unknown = from === null ? first : to === null ? second : null;
    if (unknown !== null)
      rows.refuse(source, `"${unknown}" cannot be a name here; a line under "names" of the mapping file can give one`);
    else if (isMembership) rows.add(source, [`g, ${from}, ${to}`]);
    else if (effect !== 'allow' && effect !== 'deny')
      rows.refuse(source, `the effect "${effect}" is neither allow nor deny`);
    else {
      const service = serviceOf(action, mapping);
      if (service === null)
        rows.refuse(source, `the mapping file does not say which class and permission the action "${action}" is`);
      else rows.add(source, [`p, ${from}, ${to}, ${service.class}, ${service.permission}, ${effect}`]);
    }
  }
  return rows.result();
}
