/** Findings and warnings as other programs read them: SARIF 2.1.0 and the commands of GitHub Actions. */
import type { Finding, Place } from '../read/index.ts';
import type { Warning } from './lint/pages.ts';
import { pageOf } from './lint/pages.ts';

type Reported = Place & { readonly code: string; readonly message: string };

function levelOf(code: string): 'error' | 'warning' {
  return code.startsWith('W') ? 'warning' : 'error';
}

/** `policy.csv:12:14: (W) other rows allow everything that this row does (W-021)` */
export function formatReported({ file, line, column, code, message }: Reported): string {
  const place = line === 0 ? file : column === 0 ? `${file}:${line}` : `${file}:${line}:${column}`;
  return `${place}: (${code.charAt(0)}) ${message} (${code})`;
}

/** https://docs.github.com/actions/reference/workflow-commands: `%`, CR and LF are escaped, in properties also `:` and `,`. */
export function formatGithub(directory: string, findings: readonly (Finding | Warning)[]): string {
  const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
  return findings
    .map(({ file, line, column, code, message }) => {
      const place = [
        `file=${property(`${directory}/${file}`)}`,
        line > 0 ? `line=${line}` : '',
        column > 0 ? `col=${column}` : '',
      ];
      const properties = [...place.filter((part) => part !== ''), `title=${code}`].join(',');
      return `::${levelOf(code)} ${properties}::${data(message)}`;
    })
    .join('\n');
}

export function toSarif(directory: string, version: string, findings: readonly (Finding | Warning)[]): object {
  const codes = [...new Set(findings.map(({ code }) => code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'argus policy check',
            version,
            rules: codes.map((code) => ({
              id: code,
              shortDescription: {
                text:
                  pageOf(code)
                    ?.split('\n')[0]
                    ?.slice(code.length + 2) ?? code,
              },
              fullDescription: { text: pageOf(code) ?? code },
              defaultConfiguration: { level: levelOf(code) },
            })),
          },
        },
        results: findings.map(({ file, line, column, code, message }) => ({
          ruleId: code,
          ruleIndex: codes.indexOf(code),
          level: levelOf(code),
          message: { text: message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: `${directory}/${file}` },
                ...(line === 0
                  ? {}
                  : { region: { startLine: line, ...(column === 0 ? {} : { startColumn: column }) } }),
              },
            },
          ],
        })),
      },
    ],
  };
}
