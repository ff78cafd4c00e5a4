/** What `package-lock.json` (version 3) says of one package. */
export interface LockedPackage {
  readonly version?: string
  readonly integrity?: string
  readonly license?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
}

/** Licences under which a package may go to a customer: permissive, no duty but to name the authors. */
const forEverybody: ReadonlySet<string> = new Set([
  'Apache-2.0',
  'MIT',
  'MIT-0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
])
/** And those of tools that only build and test it: a duty that begins with handing them on. */
const forBuilding: ReadonlySet<string> = new Set(['MPL-2.0'])

/**
 * What is wrong with a lock file, a sentence each: a package without its hash, from elsewhere than the registry,
 * under a licence nobody agreed to, or with an install script that `allowScripts` of `package.json` does not name.
 *
 * @param packages by their path, the project itself under the empty one
 * @param allowScripts names of packages with whether their install script may run
 */
export function judgeLock(
  packages: Readonly<Record<string, LockedPackage>>,
  allowScripts: Readonly<Record<string, boolean>>,
): readonly string[] {
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .flatMap(([path, locked]) => {
      const name = path.split('node_modules/').at(-1) ?? path
      return [
        ...(locked.link === true || /^(git|file|http:)/.test(locked.resolved ?? '')
          ? [`${name} does not come from the registry`]
          : []),
        ...(locked.integrity === undefined ? [`${name} is locked without a hash`] : []),
        ...(isAllowed(locked)
          ? []
          : [`${name} is under ${locked.license ?? 'no licence that it states'}, which nobody agreed to`]),
        ...(locked.hasInstallScript === true && !(name in allowScripts)
          ? [`${name} has an install script that allowScripts does not name`]
          : []),
      ]
    })
}

/** `A OR B` needs one of them, `A AND B` both. */
function isAllowed({ license, dev }: LockedPackage): boolean {
  if (license === undefined) return false
  const known = (each: string) => forEverybody.has(each) || (dev === true && forBuilding.has(each))
  return license
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some(choice => choice.split(' AND ').every(known))
}
