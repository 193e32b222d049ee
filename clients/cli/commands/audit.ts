/** `argus audit`: an auditor's questions to the log. Every command only reads the log, and works while the broker writes. */
import { Command } from 'commander';
import { caseCommand, verifyCaseCommand } from './audit/case.ts';
import { checkpointCommand, keyCommand, proveCommand, verifyProofCommand } from './audit/evidence.ts';
import { indexCommand } from './audit/index-command.ts';
import { listCommand } from './audit/list.ts';
import { accessCommand, rulesCommand } from './audit/policies.ts';
import { reportCommands } from './audit/reports.ts';
import { reviewCommand, reviewsCommand } from './audit/review.ts';
import { schemaCommand } from './audit/schema.ts';
import { auditStatusCommand } from './audit/status.ts';
import { streamCommand } from './audit/stream.ts';
import { tailCommand } from './audit/tail.ts';
import { verifyCommand } from './audit/verify.ts';
import { verifyPayloadCommand } from './audit/verify-payload.ts';
import { witnessCommand } from './audit/witness.ts';

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
