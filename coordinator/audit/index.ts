export { type Anchor, type AnchorPlace, anchorContent, anchorFolder, anchorKey, anchorOf } from './anchor.ts'
export { type ChainHead, canonicalJson, genesis, hashOf, seal } from './chain.ts'
export { foldSecurity, type SecurityFold, type SecurityRefusal } from './fold-security.ts'
export {
  assertIntact,
  type ChainProblem,
  type ChainSource,
  type ChainVerdict,
  verifyChain,
} from './verify.ts'
