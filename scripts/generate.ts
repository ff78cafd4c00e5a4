/**
 * Makes every file that is made from another one: code from the contract, reference pages from the registries.
 * `npm run gen` writes them; `npm run gen:check` makes them again in a temporary folder and fails on a difference.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cliPage } from './cli-page.ts'
import { configurationPage } from './configuration-page.ts'
import { dashboardFiles } from './dashboards/index.ts'
import { destinationsPage } from './destinations-page.ts'
import { errorsPage } from './errors-page.ts'
import { logsPage } from './logs-page.ts'
import { manPages } from './man-pages.ts'
import { manifestJsonSchema } from './manifest-json-schema.ts'
import { metricsPage } from './metrics-page.ts'
import { policyPage } from './policy-page.ts'

const root = join(import.meta.dirname, '..')
/** A folder whose every file is generated. */
const codeFolder = 'shared/wire/gen'
/** Generated files that have hand-written neighbours. */
const pages: Readonly<Record<string, () => string>> = {
  'docs/reference/cli.md': cliPage,
  'docs/reference/configuration.md': configurationPage,
  'docs/reference/destinations.md': destinationsPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/logs.md': logsPage,
  'docs/reference/manifest-v1.schema.json': manifestJsonSchema,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/policy.md': policyPage,
  ...dashboardFiles,
  ...Object.fromEntries(Object.entries(manPages()).map(([path, page]) => [path, () => page])),
}

function generateInto(folder: string): void {
  const buf = spawnSync(join(root, 'node_modules/.bin/buf'), ['generate', '-o', folder], {
    cwd: root,
    stdio: 'inherit',
  })
  if (buf.status !== 0) throw new Error(`buf generate ended with ${buf.status ?? buf.signal}`)
  for (const [path, make] of Object.entries(pages)) write(join(folder, path), make())
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function filesOf(base: string): readonly string[] {
  const folder = join(base, codeFolder)
  const code = existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry => join(entry.parentPath, entry.name).slice(base.length + 1))
    : []
  return [...code, ...Object.keys(pages)]
}

function differences(fresh: string): readonly string[] {
  const read = (base: string, file: string) =>
    existsSync(join(base, file)) ? readFileSync(join(base, file), 'utf8') : undefined
  return [...new Set([...filesOf(fresh), ...filesOf(root)])]
    .filter(file => read(fresh, file) !== read(root, file))
    .sort()
}

function main(): void {
  const fresh = mkdtempSync(join(tmpdir(), 'holdfast-generate-'))
  try {
    generateInto(fresh)
    if (process.argv.includes('--check')) {
      const stale = differences(fresh)
      if (stale.length > 0) {
        console.error(
          `generated files are out of date: ${stale.join(', ')}\nRun \`npm run gen\` and commit what it writes.`,
        )
        process.exitCode = 1
      }
      return
    }
    rmSync(join(root, codeFolder), { recursive: true, force: true })
    for (const file of filesOf(fresh)) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      cpSync(join(fresh, file), join(root, file))
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

main()
