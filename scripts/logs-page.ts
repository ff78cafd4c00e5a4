import { ecsVersion, logFields } from '../shared/log/index.ts'

/** docs/reference/logs.md: every field of a log line, from the registry. */
export function logsPage(): string {
  const fields = Object.entries(logFields).sort(([a], [b]) => (a < b ? -1 : 1))
  return `# Logs

Fields made from \`shared/log/fields.ts\` by \`npm run gen\`; a test holds every call in the source and every line of a real run against it.

One JSON object a line on the standard error stream, for people when that is a terminal. Fields are added, never changed.

\`\`\`yaml
log:
  level: info          # debug, info, warn, error, silent
  format: auto         # auto, json, pretty
  file: /var/log/holdfast/agent.log   # instead of the standard error stream; SIGHUP reopens it
  fields: native       # or ecs: names of the Elastic Common Schema
\`\`\`

## Following a job

\`job_id\` stands in every line about a job, in every process: the decision that made it (\`job created\`, coordinator), each change of its
state (\`job assigned\`, \`job running\`, …, coordinator), the attempt on the host (\`accepted\`, \`started\`, agent), its children (\`children run\`, debug),
each request to the object store (\`an object store operation is done\`, debug, with \`part\` for parts), the answer (\`result acknowledged\`, agent) and the
backup (\`backup recorded\`, coordinator). \`attempt_id\` tells the attempts of a job apart. So this is all there is of one backup, wherever it ran:

\`\`\`
grep -h job_01890a5d-ac96-7000-8000-000000000001 coordinator.log agent.log | sort
\`\`\`

## A file, and logrotate

\`deploy/logrotate/holdfast\` rotates both processes' files: moved away, SIGHUP, compressed a day later. Lines are written at once; what cannot be written because the
disk is full goes to the standard error stream, and the process goes on.

## Fields

In every line: \`level\`, \`time\` (ISO 8601, UTC), \`name\` (\`coordinator\`, \`agent\`, \`holdfast-agent\`), \`msg\` (lower case, without what varies). With \`fields: ecs\` (version
${ecsVersion}) these are \`log.level\`, \`@timestamp\`, \`service.name\` (\`holdfast-agent\`) and \`message\`, and a field without a name of its own there stands below \`holdfast.\`.
\`job_id\` is \`trace.id\` and \`holdfast.job_id\` as well; an error is \`error.type\`, \`error.code\`, \`error.message\`, \`error.stack_trace\`, the rest of it \`holdfast.error\`.

Secrets are \`[redacted]\`, by the name of their field and inside URLs.

| field | with \`ecs\` | what |
|---|---|---|
${fields
  .map(
    ([name, { text, ecs }]) =>
      `| \`${name}\` | \`${name === 'error' ? 'error.*' : (ecs ?? `holdfast.${name}`)}\` | ${text} |`,
  )
  .join('\n')}
`
}
