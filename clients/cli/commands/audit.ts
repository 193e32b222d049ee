/** `argus audit`: an auditor's questions to the log. Every command only reads the log, and works while the broker writes. */
import { Command } from 'commander';
import { caseCommand, verifyCaseCommand } from './audit/evidence/case.ts';
import { checkpointCommand, keyCommand, proveCommand, verifyProofCommand } from './audit/evidence/evidence.ts';
import { verifyCommand } from './audit/evidence/verify.ts';
import { verifyPayloadCommand } from './audit/evidence/verify-payload.ts';
import { witnessCommand } from './audit/evidence/witness.ts';
import { indexCommand } from './audit/index-command.ts';
import { listCommand } from './audit/records/list.ts';
import { schemaCommand } from './audit/records/schema.ts';
import { streamCommand } from './audit/records/stream.ts';
import { tailCommand } from './audit/records/tail.ts';
import { accessCommand, rulesCommand } from './audit/reports/policies.ts';
import { reportCommands } from './audit/reports/reports.ts';
import { reviewCommand, reviewsCommand } from './audit/reports/review.ts';
import { auditStatusCommand } from './audit/status.ts';

export function auditCommand(): Command {
  const audit = new Command('audit')
    .description('review the audit log')
    .addCommand(verifyCommand())
    .addCommand(auditStatusCommand())
    .addCommand(schemaCommand())
    .addCommand(checkpointCommand())
    .addCommand(keyCommand())
    .addCommand(proveCommand())
    .addCommand(verifyProofCommand())
    .addCommand(verifyPayloadCommand())
    .addCommand(witnessCommand())
    .addCommand(caseCommand())
    .addCommand(verifyCaseCommand())
    .addCommand(reviewCommand())
    .addCommand(reviewsCommand())
    .addCommand(tailCommand())
    .addCommand(listCommand())
    .addCommand(streamCommand())
    .addCommand(indexCommand())
    .addCommand(accessCommand())
    .addCommand(rulesCommand());
  for (const command of reportCommands()) audit.addCommand(command);
  return audit;
}
