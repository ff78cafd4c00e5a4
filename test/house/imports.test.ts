import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixtureTree, root, runTool } from './project.ts'

interface Cruise {
  readonly summary: {
    readonly totalCruised: number
    readonly violations: readonly {
      readonly from: string
      readonly to: string
      readonly rule: { readonly name: string }
    }[]
    readonly ruleSetUsed: {
      readonly forbidden: readonly { readonly name: string; readonly comment?: string }[]
    }
  }
}

async function cruise(cwd: string): Promise<Cruise> {
  const all = ['shared', 'coordinator', 'agent', 'cli', 'test', 'demo', 'bench', 'scripts']
  const folders = all.filter(folder => existsSync(join(cwd, folder)))
  const { stdout } = await runTool(
    'depcruise',
    ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', ...folders],
    cwd,
  )
  return JSON.parse(stdout) as Cruise
}

/** For each rule: a file that breaks it. */
const crimes: Readonly<Record<string, { readonly file: string; readonly text: string }>> = {
  'programs-stay-apart': { file: 'coordinator/rpc/a.ts', text: "import '../../agent/link/b.ts'" },
  'shared-knows-no-program': { file: 'shared/clock/a.ts', text: "import '../../agent/link/b.ts'" },
  'pure-rooms-stay-pure': { file: 'coordinator/jobs/a.ts', text: "import '../../shared/log/b.ts'" },
  'production-knows-no-tests': { file: 'agent/link/c.ts', text: "import '../../test/helper.ts'" },
  'declared-dependencies': { file: 'agent/link/d.ts', text: "import 'vitest'" },
  resolvable: { file: 'agent/link/e.ts', text: "import './nowhere.ts'" },
  'no-cycles': { file: 'agent/link/f.ts', text: "import './g.ts'" },
  'no-orphans': { file: 'agent/link/alone.ts', text: 'export const alone = 1' },
  'one-room-aws-sdk': { file: 'agent/link/h.ts', text: "import '@aws-sdk/client-s3'" },
  'one-room-pg': { file: 'coordinator/fleet/h.ts', text: "import 'pg'" },
  'one-room-kysely': { file: 'coordinator/fleet/i.ts', text: "import 'kysely'" },
  'one-room-commander': { file: 'coordinator/fleet/j.ts', text: "import 'commander'" },
  'one-room-consul': { file: 'coordinator/fleet/k.ts', text: "import 'consul'" },
  'one-room-x509': { file: 'coordinator/fleet/x.ts', text: "import '@peculiar/x509'" },
  'one-room-grpc': { file: 'coordinator/fleet/l.ts', text: "import '@grpc/grpc-js'" },
  'one-room-protobuf': { file: 'coordinator/fleet/m.ts', text: "import '@bufbuild/protobuf/wire'" },
  'one-room-execa': { file: 'agent/jobs/n.ts', text: "import 'execa'" },
  'one-room-pino': { file: 'agent/jobs/o.ts', text: "import 'pino'" },
  'one-room-prom-client': { file: 'agent/jobs/p.ts', text: "import 'prom-client'" },
  'one-room-yaml': { file: 'agent/jobs/q.ts', text: "import 'yaml'" },
  'one-room-uuid': { file: 'agent/jobs/r.ts', text: "import 'uuid'" },
  'one-room-string-width': { file: 'agent/jobs/s.ts', text: "import 'string-width'" },
  'one-room-croner': { file: 'coordinator/fleet/n.ts', text: "import 'croner'" },
  'one-room-nodemailer': { file: 'coordinator/fleet/o.ts', text: "import 'nodemailer'" },
  'one-room-node-child_process': { file: 'agent/jobs/t.ts', text: "import 'node:child_process'" },
  'one-room-node-sqlite': { file: 'agent/jobs/u.ts', text: "import 'node:sqlite'" },
}

/** What the crimes import, and imports that are lawful. */
const bystanders: Readonly<Record<string, string>> = {
  'agent/link/b.ts': "import '@grpc/grpc-js'\nimport '../../shared/log/b.ts'",
  'agent/link/g.ts': "import './f.ts'",
  'shared/log/b.ts': "import 'pino'",
  'test/helper.ts': "import 'vitest'\nimport 'node:child_process'\nimport '../agent/link/alone.ts'",
  'coordinator/jobs/lawful.ts':
    "import 'zod'\nimport '../policy/lawful.ts'\nimport '../../shared/errors/b.ts'",
  'coordinator/policy/lawful.ts': "import '../store/records.ts'",
  'coordinator/store/records.ts': "import type { B } from '../../shared/errors/b.ts'\nexport type A = B",
  'coordinator/store/open.ts': "import 'kysely'\nimport 'pg'\nimport 'node:sqlite'\nimport './records.ts'",
  'shared/errors/b.ts': "import 'zod'\nexport type B = 1",
}

describe('import rules', () => {
  test('the whole tree is cruised, more than nothing of it, by rules with a comment each', async () => {
    const { summary } = await cruise(root)
    expect(summary.totalCruised).toBeGreaterThan(30)
    for (const rule of summary.ruleSetUsed.forbidden) expect(rule.comment, rule.name).toMatch(/\w{3,}.*\.$/)
  })

  test('every rule bites, in the file that breaks it, and lawful imports pass', async () => {
    const criminals = Object.fromEntries(Object.values(crimes).map(({ file, text }) => [file, text]))
    const { 'no-orphans': orphan, ...others } = crimes
    await using tree = await fixtureTree(['.dependency-cruiser.mjs', 'package.json', 'tsconfig.json'], {
      ...criminals,
      ...bystanders,
      'test/helper.ts': "import 'vitest'\nimport 'node:child_process'",
    })
    const { summary } = await cruise(tree.path)
    expect(Object.keys(crimes).sort()).toEqual(summary.ruleSetUsed.forbidden.map(rule => rule.name).sort())
    for (const [rule, { file }] of Object.entries(others))
      expect(
        summary.violations.filter(violation => violation.rule.name === rule).map(violation => violation.from),
        rule,
      ).toContain(file)
    expect(
      summary.violations.filter(({ rule }) => rule.name === 'no-orphans').map(violation => violation.from),
    ).toEqual([orphan?.file])
    const lawful = Object.keys(bystanders).filter(file => file !== 'agent/link/g.ts')
    expect(summary.violations.filter(violation => lawful.includes(violation.from))).toEqual([])
  })
})
