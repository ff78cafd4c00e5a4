import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fixtureTree, root, runTool } from './project.ts'

describe('what is generated', () => {
  let copy: Awaited<ReturnType<typeof fixtureTree>>

  beforeAll(async () => {
    copy = await fixtureTree(['package.json', 'buf.yaml', 'buf.gen.yaml'], {})
    // pages of metrics and dashboards are made from what the programs declare
    for (const folder of [
      'proto',
      'scripts',
      'shared',
      'agent',
      'coordinator',
      'cli',
      'docs/reference',
      'docs/man',
      'deploy/grafana',
    ])
      await cp(join(root, folder), join(copy.path, folder), { recursive: true })
  })
  afterAll(() => copy[Symbol.asyncDispose]())

  const change = async (file: string, replace: (text: string) => string) => {
    const path = join(copy.path, file)
    const before = await readFile(path, 'utf8')
    const after = replace(before)
    expect(after).not.toBe(before)
    await writeFile(path, after)
  }
  const check = () => runTool('node', ['scripts/generate.ts', '--check'], copy.path)

  test('a changed contract, error or manifest field without `npm run gen` fails the check by the name of the stale file', async () => {
    expect(await check()).toMatchObject({ status: 0 })
    await change('proto/holdfast/v1/common.proto', text => `${text}\nmessage Extra {\n  string x = 1;\n}\n`)
    await change('shared/errors/codes.ts', text =>
      text.replace('the configuration has problems', 'other words'),
    )
    await change('shared/model/manifest.ts', text =>
      text.replace('backup_id: z.string()', 'backup_id: z.string().min(1)'),
    )
    const stale = await check()
    expect(stale.status).toBe(1)
    expect(stale.output).toContain(
      'docs/reference/errors.md, docs/reference/manifest-v1.schema.json, shared/wire/gen/holdfast/v1/common.ts',
    )
    expect(stale.output).toContain('npm run gen')
  })

  test('a field taken out of the contract breaks it', async () => {
    const against = ['breaking', '--against', 'proto/baseline.binpb']
    expect(await runTool('buf', against, copy.path)).toMatchObject({ status: 0 })
    await change('proto/holdfast/v1/common.proto', text => text.replace(/^ {2}string hint = 3;\n/m, ''))
    const broken = await runTool('buf', against, copy.path)
    expect(broken.status).not.toBe(0)
    expect(broken.output).toContain('"hint"')
  })
})
