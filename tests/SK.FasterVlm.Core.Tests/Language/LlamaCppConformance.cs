namespace SK.FasterVlm.Core.Tests.Language;

// The conformance tests on the built-in implementation.

public sealed class LlamaCppEvaluation(TinyModel tiny) : EvaluationConformance<TinyModel>(tiny);

public sealed class LlamaCppSequences(TinyModel tiny) : SequenceConformance<TinyModel>(tiny);

public sealed class LlamaCppSharedCache(TinyModel tiny) : SharedCacheConformance<TinyModel>(tiny);

public sealed class LlamaCppSampling(TinyModel tiny) : SamplingConformance<TinyModel>(tiny);

public sealed class LlamaCppGrammar(TinyModel tiny) : GrammarConformance<TinyModel>(tiny);

public sealed class LlamaCppTokenizer(TinyModel tiny) : TokenizerConformance<TinyModel>(tiny);

public sealed class LlamaCppEvaluationInLanes(TinyModelInLanes tiny) : EvaluationConformance<TinyModelInLanes>(tiny);

public sealed class LlamaCppSequencesInLanes(TinyModelInLanes tiny) : SequenceConformance<TinyModelInLanes>(tiny);

public sealed class LlamaCppSamplingInLanes(TinyModelInLanes tiny) : SamplingConformance<TinyModelInLanes>(tiny);
