/** A finding: one thing that is wrong with a policy directory, and where. */

/**
 * The catalogue: a finding's code, what it means, and the code of the PolicyError whose first finding it is.
 *
 * F-… = the text cannot be read, E-… = the text can be read but makes no sense, A-… = an assertion or test does not hold.
 * Codes never change meaning; new checks get new codes. docs/policy.md lists them (a test compares).
 */
export const CATALOGUE = {
  'F-001': ['ERR_POLICY_ROW_ARITY', 'wrong number of fields, or an empty field'],
  'F-002': ['ERR_POLICY_ROW_TYPE', 'unknown row type'],
  'F-003': ['ERR_POLICY_ROW_SYNTAX', 'comment after a row, `;` or tab'],
  'F-004': ['ERR_POLICY_TEXT', 'control, invisible or non-ASCII character, lone CR, or invalid UTF-8'],
  'F-005': ['ERR_POLICY_NAME', 'not a name, a label or `*`'],
  'F-006': ['ERR_POLICY_FILE', 'file missing, not a regular file, writable by others, or cut short'],
  'F-007': ['ERR_POLICY_EMPTY', 'no rows at all'],
  'F-008': ['ERR_POLICY_LIMIT', 'too long, too many or too deep'],
  'F-009': ['ERR_POLICY_YAML', 'not valid YAML, or not of the expected shape'],
  'E-010': ['ERR_POLICY_UNKNOWN_DOMAIN', 'domain is not in domains.yaml'],
  'E-011': ['ERR_POLICY_UNKNOWN_LABEL', 'label is not declared in domains.yaml'],
  'E-012': ['ERR_POLICY_UNKNOWN_CLASS', 'class is not in services.yaml'],
  'E-013': ['ERR_POLICY_UNKNOWN_PERMISSION', 'no class has this permission'],
  'E-014': ['ERR_POLICY_PERMISSION_CLASS', 'the class has no such permission'],
  'E-015': ['ERR_POLICY_EFFECT', 'effect is not exactly `allow` or `deny`'],
  'E-016': ['ERR_POLICY_RESERVED', 'reserved or repeated name'],
  'E-017': ['ERR_POLICY_LABEL_CYCLE', 'labels contain each other, or are nested too deep'],
  'E-018': ['ERR_POLICY_MODEL', 'model.conf is not the shipped one'],
  'E-019': ['ERR_POLICY_EMPTY_LABEL', 'no domain has the label that a row names'],
  'E-050': ['ERR_POLICY_DUPLICATE', 'two domains share a domid, MAC or IPv4 address'],
  'E-051': ['ERR_POLICY_PORT_CONFLICT', 'two classes claim the same port of the same domain'],
  'E-052': ['ERR_POLICY_INSPECTOR', 'unknown inspector, or permissions other than the inspector names'],
  'E-053': ['ERR_POLICY_GRANT', 'granted label is not grantable, or domain is unknown'],
  'E-054': [
    'ERR_POLICY_BROKER',
    'the destination `broker` with another permission than enable or register_any_source, or these two without it',
  ],
  'E-055': ['ERR_POLICY_ORACLE', 'Casbin does not answer the probe decisions as expected'],
  'A-040': ['ERR_POLICY_ASSERTION', 'a neverallow assertion is violated'],
  'A-041': ['ERR_POLICY_ASSERTION', 'a must-allow assertion does not hold'],
  'A-042': ['ERR_POLICY_ASSERTION', 'a neverflow assertion is violated'],
  'A-043': ['ERR_POLICY_ASSERTION', 'a domain has two labels that are to be separate'],
  'A-045': ['ERR_POLICY_ASSERTION', 'a domain reaches, or is reached by, more domains than allowed'],
  'A-050': ['ERR_POLICY_TEST', 'a row of tests.csv got another decision'],
} as const satisfies Record<string, readonly [code: `ERR_POLICY_${string}`, title: string]>;

export type FindingCode = keyof typeof CATALOGUE;

/** Where in which file. */
export interface Place {
  /** Name relative to the policy directory: `policy.csv`. */
  readonly file: string;
  /** 1-based; 0 = the file as a whole. */
  readonly line: number;
  /** 1-based, in UTF-16 code units; 0 = the line as a whole. */
  readonly column: number;
}

export interface Finding extends Place {
  readonly code: FindingCode;
  readonly message: string;
}

/** `policy.csv:12:14: (E) unknown label "@enginering", did you mean "@engineering"? (E-011)` */
export function formatFinding({ file, line, column, code, message }: Finding): string {
  const place = line === 0 ? file : column === 0 ? `${file}:${line}` : `${file}:${line}:${column}`;
  return `${place}: (${code.charAt(0)}) ${message} (${code})`;
}
