import { agentConfigSchema } from '../agent/config.ts'
import { coordinatorConfigSchema } from '../coordinator/config.ts'
import { agentMeanings } from './configuration/agent-meanings.ts'
import { coordinatorMeanings } from './configuration/coordinator-meanings.ts'
import { type ConfigurationKey, keysOf } from './configuration/keys.ts'
import { meaningOf } from './configuration/meaning-of.ts'

/** Sections of the coordinator's configuration that policy.md tells of. */
export const policySections = ['policy', 'policies'] as const

/** docs/reference/configuration.md */
export function configurationPage(): string {
  return `# Configuration

Made by \`npm run gen\` from the schemas and \`scripts/configuration/\`; every key there is is here. Examples that are read by tests:
[coordinator.yaml](../../deploy/examples/coordinator.yaml), [agent.yaml](../../deploy/examples/agent.yaml).

Both programs take one YAML file (\`--config FILE\` or \`HOLDFAST_CONFIG\`). Each key can also be a variable: \`HOLDFAST_\`, then its path in capitals with \`__\` between
sections, such as \`HOLDFAST_STORE__URL\`. \`config show\` prints what is in effect and where each value comes from; secrets are never in it. A key that does not
exist, or a value out of its bounds, stops the start: all problems at once, with the line and the nearest key.

Below, \`NAME\` is a name of your own (\`NAME(email)\`: one of \`kind: email\`) and \`[]\` each of a list. What must be given must be where its section is. A duration is \`90s\`, \`15m\`, \`24h\`, \`7d\`; a size \`512KiB\`, \`16MiB\`, \`1GB\`; a secret the path of a
file that holds it, or [another place](secrets.md).

## Coordinator

\`policies\`, \`policy\`: [policies](policy.md). More of \`discovery\`: [discovery](discovery.md); of \`destinations\`: [destinations](destinations.md); of \`alerts\`:
[alerts](alerts.md); of \`audit\`: [audit](audit.md); of \`retention\`: [retention](retention.md); of \`budgets\` and \`slots_per_agent\`: [planning](planning.md).

${tableOf(keysOf(coordinatorConfigSchema, policySections), coordinatorMeanings)}

## Agent

${tableOf(keysOf(agentConfigSchema), agentMeanings)}
`
}

function tableOf(keys: readonly ConfigurationKey[], meanings: Readonly<Record<string, string>>): string {
  const rows = keys.map(({ path, takes, usual }) => {
    const meaning = meaningOf(path, meanings)
    if (meaning === undefined)
      throw new Error(`nothing says what the key ${path} means: scripts/configuration`)
    return `| \`${path}\` | ${shortly(takes)} | ${usual} | ${meaning} |`
  })
  return ['| key | takes | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

/** What the head of the page says once. */
function shortly(takes: string): string {
  return takes
    .replace('a duration such as 90s, 15m or 24h', 'duration')
    .replace('a size such as 512KiB, 16MiB or 1GB', 'size')
    .replace(/^the path of a file that holds the secret, or one of .*$/, 'secret')
    .replace('the path of a file that holds the secret', 'path of a secret file')
    .replace(/^a URL \(.*$/, 'URL')
}
