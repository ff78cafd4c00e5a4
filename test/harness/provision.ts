import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

import { cacheFolder, isExecutable } from './cache-folder.ts'
import { servicesFolder } from './project-root.ts'
import { type Recipe, recipes, type ServiceName, tools } from './recipes.ts'
import { run } from './run.ts'

/** A service that can be started: the folder of its programs, and the root of its unpacked tree when it was fetched. */
export interface Available {
  readonly available: true
  readonly name: ServiceName
  readonly bin: string
  readonly root?: string
  readonly origin: 'host' | 'cache'
}

/** A service that cannot be had here, and why in one line. */
export interface Unavailable {
  readonly available: false
  readonly name: ServiceName
  readonly reason: string
}

export type Provisioned = Available | Unavailable

// A fetch that failed is not tried again by every test file of a run
const failureHoldsMs = 10 * 60_000

const known = new Map<ServiceName, Promise<Provisioned>>()

/**
 * Finds a service on this host, else fetches it into the cache folder. Idempotent; several processes may ask at once.
 * Never throws: what cannot be had comes back with a reason. `HOLDFAST_PROVISION=off` forbids fetching, `=cache` leaves what the host has aside.
 */
export function provision(name: ServiceName): Promise<Provisioned> {
  let result = known.get(name)
  if (result === undefined) {
    result = find(name).catch(error => ({ available: false, name, reason: oneLine(error) }))
    known.set(name, result)
  }
  return result
}

/** As `provision`, and puts the tool's folder on this process's PATH when it is not there yet. */
export async function provisionTool(name: ServiceName): Promise<Provisioned> {
  const result = await provision(name)
  const path = process.env['PATH'] ?? ''
  if (result.available && !path.split(delimiter).includes(result.bin)) {
    process.env['PATH'] = `${path}${delimiter}${result.bin}`
  }
  return result
}

async function find(name: ServiceName): Promise<Provisioned> {
  const recipe = recipes[name]
  const bin = process.env['HOLDFAST_PROVISION'] === 'cache' ? undefined : recipe.host()
  if (bin !== undefined) return { available: true, name, bin, origin: 'host' }
  if (process.env['HOLDFAST_PROVISION'] === 'off') {
    return {
      available: false,
      name,
      reason: `${name} is not on this host, and HOLDFAST_PROVISION=off forbids fetching it`,
    }
  }
  if (process.platform !== 'linux' || !isExecutable('/usr/bin/apt-get')) {
    return {
      available: false,
      name,
      reason: `${name} is not on this host, and it can be fetched only on Debian or Ubuntu`,
    }
  }
  if (
    recipe.hostTool &&
    process.env['HOLDFAST_PROVISION'] !== 'cache' &&
    process.getuid?.() === 0 &&
    (await install(recipe.packages))
  ) {
    const installed = recipe.host()
    if (installed !== undefined) return { available: true, name, bin: installed, origin: 'host' }
  }
  return await fetch(name, recipe)
}

async function install(packages: readonly string[]): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = [
    '-qq',
    '-y',
    '-o',
    'DPkg::Lock::Timeout=60',
    '-o',
    'Acquire::http::Timeout=20',
    '--no-install-recommends',
  ]
  const attempt = () => run('apt-get', [...options, 'install', ...packages], { env, allowFailure: true })
  if ((await attempt()).code === 0) return true
  // Containers come without package lists
  await run('apt-get', ['-qq', 'update'], { env, allowFailure: true })
  return (await attempt()).code === 0
}

async function fetch(name: ServiceName, recipe: Recipe): Promise<Provisioned> {
  const cache = cacheFolder()
  const root = join(cache, `${name}-${recipe.suite}`)
  const failure = `${root}.failed`
  if (!existsSync(join(root, '.complete'))) {
    const before = await recentFailure(failure)
    if (before !== undefined)
      return {
        available: false,
        name,
        reason: `${before} (tried a short while ago; remove ${failure} to try again)`,
      }
    await mkdir(cache, { recursive: true })
    const wraps = recipe.wrap.flatMap(path => ['--wrap', path])
    const done = await run(join(servicesFolder, 'debs'), [...wraps, recipe.suite, root, ...recipe.packages], {
      allowFailure: true,
    })
    if (done.code !== 0) {
      const reason = oneLine(done.stderr.trim().split('\n').at(-1) ?? `debs ended with ${done.code}`)
      await writeFile(failure, JSON.stringify({ at: Date.now(), reason }))
      return { available: false, name, reason }
    }
    await rm(failure, { force: true })
  }
  await linkTools(name, root)
  return { available: true, name, bin: join(root, recipe.bin), root, origin: 'cache' }
}

async function recentFailure(path: string): Promise<string | undefined> {
  try {
    const { at, reason } = JSON.parse(await readFile(path, 'utf8')) as { at: number; reason: string }
    return Date.now() - at < failureHoldsMs ? reason : undefined
  } catch {
    return undefined
  }
}

async function linkTools(name: ServiceName, root: string): Promise<void> {
  const folder = join(root, 'tools')
  await mkdir(folder, { recursive: true })
  for (const tool of tools[name] ?? []) {
    const target = join(root, 'usr/bin', tool)
    if (!existsSync(target) || existsSync(join(folder, tool))) continue
    await symlink(target, join(folder, tool)).catch(error => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll(/\s+/g, ' ').trim()
}
