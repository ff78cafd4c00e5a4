import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { parseYaml } from '../shared/config/index.ts'
import { AppError } from '../shared/errors/index.ts'

type Environment = Readonly<Record<string, string | undefined>>

const secretFiles = ['token_file', 'identity'] as const

const profileSchema = z.strictObject({
  /** `host:port`. */
  coordinator: z.string().regex(/^.+:\d+$/, 'expected host:port'),
  /** Folder with `ca.crt`, `client.crt` and `client.key`. */
  identity: z.string().min(1).optional(),
  token_file: z.string().min(1).optional(),
})

const fileSchema = z.strictObject({
  /** The one that is used where nobody says another. */
  profile: z.string().min(1).optional(),
  profiles: z.record(z.string().min(1), profileSchema).prefault({}),
})

/** One coordinator and how one is known to it. */
export type Profile = z.infer<typeof profileSchema>

/** What the file of profiles says. */
export interface Profiles {
  readonly path: string
  readonly current: string | undefined
  readonly all: ReadonlyMap<string, Profile>
}

/** Where the profiles are: `HOLDFAST_CONFIG`, or `holdfast/config.yaml` in the user's folder of configurations. */
export function profilesPath(environment: Environment): string | undefined {
  const { HOLDFAST_CONFIG: told, XDG_CONFIG_HOME: folder, HOME: home } = environment
  if (told !== undefined && told !== '') return told
  if (folder !== undefined && folder !== '') return join(folder, 'holdfast/config.yaml')
  return home === undefined || home === '' ? undefined : join(home, '.config/holdfast/config.yaml')
}

/**
 * Reads the profiles; none where there is no file. A file that names secrets must not be one that others can write:
 * they could send the secret elsewhere.
 *
 * @throws AppError `config.invalid`, `config.unreadable`
 */
export function readProfiles(environment: Environment): Profiles {
  const path = profilesPath(environment)
  const text = path === undefined ? undefined : textOf(path)
  if (path === undefined || text === undefined)
    return { path: path ?? '', current: undefined, all: new Map() }
  const parsed = parseYaml(text, path)
  if (parsed.kind === 'broken') throw invalid(parsed.problems.map(each => `${each.source}: ${each.message}`))
  const { data, error } = fileSchema.safeParse(parsed.text.value ?? {})
  if (data === undefined)
    throw invalid(
      (error?.issues ?? []).map(
        each => `${parsed.text.sourceOf(each.path as string[])}: ${each.path.join('.')}: ${each.message}`,
      ),
    )
  const all = new Map(Object.entries(data.profiles))
  const namesSecrets = [...all.values()].some(each => secretFiles.some(key => each[key] !== undefined))
  if (namesSecrets && (statSync(path).mode & 0o022) !== 0)
    throw new AppError('config.invalid', {
      message: `${path} names secrets, and others than you can write it`,
      hint: `chmod go-w ${path}`,
      context: { file: path },
    })
  return { path, current: data.profile, all }
}

/**
 * The environment with what the profile says, for every variable that is not set: option, variable, profile, default,
 * in this order. A profile asked for by name goes before the variables.
 *
 * @param asked what `--profile` says
 * @throws AppError `usage.invalid` for one that does not exist
 */
export function withProfile(environment: Environment, asked: string | undefined): Environment {
  const named = asked ?? (environment['HOLDFAST_PROFILE'] || undefined)
  if (named === undefined && (environment['HOLDFAST_COORDINATOR'] ?? '') !== '') return environment
  const { all, current, path } = readProfiles(environment)
  const name = named ?? current
  if (name === undefined) return environment
  const profile = all.get(name)
  if (profile === undefined) throw unknownProfile(name, { all, path })
  const said = Object.fromEntries(
    Object.entries(profile).map(([key, value]) => [`HOLDFAST_${key.toUpperCase()}`, value]),
  )
  return asked === undefined ? { ...said, ...environment } : { ...environment, ...said }
}

/** There is no such profile. */
export function unknownProfile(name: string, { all, path }: Pick<Profiles, 'all' | 'path'>): AppError {
  return new AppError('usage.invalid', {
    message: `there is no profile \`${name}\``,
    hint: all.size === 0 ? `${path} has no profiles.` : `There are ${[...all.keys()].join(', ')}.`,
    context: { file: path },
  })
}

/** Makes a profile the one in use; the rest of the file, its comments too, stays as it is. */
export function useProfile(environment: Environment, name: string): string {
  const profiles = readProfiles(environment)
  if (!profiles.all.has(name)) throw unknownProfile(name, profiles)
  const line = `profile: ${/^[A-Za-z][\w.-]*$/.test(name) ? name : JSON.stringify(name)}`
  const text = textOf(profiles.path) ?? ''
  const changed = text.replace(/^profile:.*$/m, () => line)
  replaceFile(profiles.path, profiles.current === undefined ? `${line}\n${text}` : changed)
  return profiles.path
}

/** Whole or not at all, with the permissions it had. */
function replaceFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const { mode } = statSync(path)
  const made = `${path}.${process.pid}.new`
  const file = openSync(made, 'wx', mode & 0o777)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(made, path)
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new AppError('config.unreadable', {
      message: `the file ${path} cannot be read: ${code}`,
      context: { file: path, reason: code },
      cause: thrown,
    })
  }
}

function invalid(problems: readonly string[]): AppError {
  return new AppError('config.invalid', { message: problems.join('\n') })
}
