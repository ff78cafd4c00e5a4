/**
 * `npm run sbom [-- FILE]`: what a customer gets, as CycloneDX (JSON), from the lock file. npm makes it of
 * everything, and what only builds and tests is left out here: its own `--omit dev` also leaves out what is used
 * by both (seen with npm 11.19: `yaml`, `@bufbuild/protobuf`, `tslib`).
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

interface Component {
  readonly 'bom-ref': string
  readonly properties?: readonly { readonly name: string; readonly value: string }[]
}

interface Bom {
  metadata: { component: { name: string; version: string } }
  components: readonly Component[]
  dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[]
}

function main(): void {
  const npm = spawnSync(
    'npm',
    ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 },
  )
  if (npm.status !== 0) {
    process.stderr.write(`npm sbom ended with ${npm.status ?? npm.signal}: ${npm.stderr}`)
    process.exitCode = 1
    return
  }
  const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8')) as unknown
  const own = read('package.json') as { readonly name: string; readonly version: string }
  const bom = withoutBuilders(JSON.parse(npm.stdout) as Bom)
  // a checkout's folder may have any name
  bom.metadata.component.name = own.name
  bom.metadata.component.version = own.version
  const text = `${JSON.stringify(bom, null, 2)}\n`
  const [file] = process.argv.slice(2)
  if (file === undefined) process.stdout.write(text)
  else writeFileSync(file, text)
}

function withoutBuilders(bom: Bom): Bom {
  const builds = ({ properties = [] }: Component) =>
    properties.some(each => each.name === 'cdx:npm:package:development' && each.value === 'true')
  const components = bom.components.filter(each => !builds(each))
  const left = new Set(bom.components.map(each => each['bom-ref']))
  for (const each of components) left.delete(each['bom-ref'])
  const dependencies = bom.dependencies
    .filter(({ ref }) => !left.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(each => !left.has(each)) }))
  return { ...bom, components, dependencies }
}

main()
