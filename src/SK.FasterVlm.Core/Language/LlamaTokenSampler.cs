using System.Buffers;
using System.Numerics.Tensors;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// A chain of the library's samplers: penalties, top-k, top-p, min-p, temperature, and last the one that selects. What a setting
/// leaves off is not in the chain. A grammar stands before the chain.
/// </summary>
/// <remarks>
/// With a grammar a token is first drawn without it and kept if the grammar takes it; only otherwise is the whole vocabulary held
/// against the grammar and a token drawn from what is left. Both ways together give the same distribution as always filtering first
/// (exactly so without top-k, top-p and min-p), and nearly all steps cost one token's check. The library ends the process when it is
/// told of a token that its grammar does not take, so nothing is accepted that was not checked.
/// </remarks>
internal sealed unsafe class LlamaTokenSampler : ITokenSampler
{
    const int PenaltyWindow = 64;

    readonly LlamaLanguageModel _model;
    readonly LlamaSamplerHandle _chain;
    readonly LlamaSamplerHandle? _grammar;
    readonly GrammarVocabulary? _vocabulary;
    readonly (int Token, float Bias)[] _bias;
    readonly bool _greedy;
    llama_token_data[] _candidates;
    Utf8State _character;

    internal LlamaTokenSampler(LlamaLanguageModel model, LlamaModelHandle handle, LlamaTokenizer tokenizer, SamplingSettings settings)
    {
        SamplingCheck.Run(settings, tokenizer.Size);
        _model = model;
        _bias = settings.LogitBias is { } bias ? [.. bias.Select(static b => (b.Key, b.Value))] : [];
        _candidates = ArrayPool<llama_token_data>.Shared.Rent(tokenizer.Size);
        _chain = Chain(handle);
        try
        {
            using var use = new HandleUse(handle);
            if (settings.Grammar is { } grammar)
            {
                _grammar = Chain(handle);
                Add(_grammar, Grammar(tokenizer, grammar));
                _vocabulary = tokenizer.GrammarVocabulary;
            }
            bool penalties = settings is not { RepetitionPenalty: 1, FrequencyPenalty: 0, PresencePenalty: 0 };
            _greedy = settings.Temperature == 0 && !penalties;
            if (penalties)
            {
                Add(_chain, Penalties(tokenizer.Size, settings.RepetitionPenalty, settings.FrequencyPenalty, settings.PresencePenalty));
            }
            if (settings.Temperature == 0)
            {
                Add(_chain, LlamaSampling.llama_sampler_init_greedy());
                return;
            }
            if (settings.TopK > 0) Add(_chain, LlamaSampling.llama_sampler_init_top_k(settings.TopK));
            if (settings.TopP < 1) Add(_chain, LlamaSampling.llama_sampler_init_top_p(settings.TopP, 1));
            if (settings.MinP > 0) Add(_chain, LlamaSampling.llama_sampler_init_min_p(settings.MinP, 1));
            Add(_chain, LlamaSampling.llama_sampler_init_temp(settings.Temperature));
            // The library takes 0xFFFFFFFF as "seed by chance", which would break the promise of equal answers for equal seeds.
            Add(_chain, LlamaSampling.llama_sampler_init_dist(Math.Min(settings.Seed, uint.MaxValue - 1)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Sample(int sequence)
    {
        ObjectDisposedException.ThrowIf(_chain.IsClosed, this);
        using var use = new HandleUse(_model.ContextOf(sequence)); // the logits are its memory
        ReadOnlySpan<float> logits = _model.GetLogits(sequence);
        // Not-a-number would be drawn from, or end the process in an assertion, depending on the sampler.
        if (float.IsNaN(TensorPrimitives.Max(logits)))
            throw new NativeRuntimeException("The model computed not-a-number logits: its weights are damaged or overflow.");
        int token = _greedy ? Greatest(logits) : Draw(logits, constrained: false);
        if (_grammar is not null)
        {
            if (!Takes(token)) token = Draw(logits, constrained: true);
            LlamaSampling.llama_sampler_accept(_grammar, token);
            _character = _vocabulary!.After(token, _character);
        }
        LlamaSampling.llama_sampler_accept(_chain, token);
        return token;
    }

    public void Dispose()
    {
        _grammar?.Dispose();
        _chain.Dispose();
        if (_candidates.Length > 0) ArrayPool<llama_token_data>.Shared.Return(_candidates);
        _candidates = [];
    }

    /// <summary>
    /// The first token of the greatest logit, as the library's greedy sampler takes it, without a candidate for every token: with a large
    /// vocabulary and many requests in a step those take longer than a small model's evaluation.
    /// </summary>
    int Greatest(ReadOnlySpan<float> logits)
    {
        int best = TensorPrimitives.IndexOfMax(logits);
        foreach ((int token, float bias) in _bias)
            if (token == best || logits[token] + bias >= logits[best]) return Draw(logits, constrained: false);
        return best;
    }

    int Draw(ReadOnlySpan<float> logits, bool constrained)
    {
        Span<llama_token_data> candidates = _candidates.AsSpan(0, logits.Length);
        for (int i = 0; i < candidates.Length; i++) candidates[i] = new llama_token_data { id = i, logit = logits[i] };
        foreach ((int token, float bias) in _bias) candidates[token].logit += bias;
        fixed (llama_token_data* data = candidates)
        {
            llama_token_data_array array = new() { data = data, size = (nuint)candidates.Length, selected = -1 };
            if (constrained) Constrain(candidates, ref array);
            LlamaSampling.llama_sampler_apply(_chain, &array);
            if (array.selected < 0 || (nuint)array.selected >= array.size)
                throw new NativeRuntimeException("The library selected no token.");
            return array.data[array.selected].id;
        }
    }

    void Constrain(Span<llama_token_data> candidates, ref llama_token_data_array array)
    {
        foreach (int token in _vocabulary!.Checked)
            if (!_vocabulary.Allows(token, _character)) candidates[token].logit = float.NegativeInfinity;
        fixed (llama_token_data_array* pointer = &array) LlamaSampling.llama_sampler_apply(_grammar!, pointer);
        foreach (ref readonly llama_token_data candidate in candidates)
            if (candidate.logit > float.NegativeInfinity) return;
        throw new GrammarException("The grammar asks for text that no token of the model's vocabulary continues; use characters the model can spell.");
    }

    /// <summary>Whether the grammar takes a token next.</summary>
    bool Takes(int token)
    {
        if (!_vocabulary!.Allows(token, _character)) return false;
        llama_token_data candidate = new() { id = token, logit = 0 };
        llama_token_data_array array = new() { data = &candidate, size = 1, selected = -1 };
        LlamaSampling.llama_sampler_apply(_grammar!, &array);
        return candidate.logit > float.NegativeInfinity;
    }

    static LlamaSamplerHandle Chain(LlamaModelHandle handle)
    {
        LlamaSamplerHandle chain = LlamaSamplerHandle.Create(handle);
        return !chain.IsInvalid ? chain : throw new NativeRuntimeException("The library could not make a sampler chain.");
    }

    static llama_sampler* Penalties(int vocabulary, float repetition, float frequency, float presence) =>
        NativeRuntime.Current!.Abi.PenaltiesTakeVocabulary
            ? LlamaSampling.llama_sampler_init_penalties(vocabulary, PenaltyWindow, repetition, frequency, presence)
            : LlamaSampling.llama_sampler_init_penalties(PenaltyWindow, repetition, frequency, presence);

    // A null added to a chain ends the process.
    static void Add(LlamaSamplerHandle chain, llama_sampler* sampler)
    {
        if (sampler is null) throw new NativeRuntimeException($"The library could not make a sampler. {NativeLog.Tail()}");
        LlamaSampling.llama_sampler_chain_add(chain, sampler);
    }

    static llama_sampler* Grammar(LlamaTokenizer tokenizer, string grammar)
    {
        long mark = NativeLog.Mark();
        llama_sampler* sampler = LlamaSampling.llama_sampler_init_grammar(tokenizer.Vocabulary, grammar, "root");
        return sampler is not null
            ? sampler
            : throw new ArgumentException($"The grammar does not parse: {NativeLog.Since(mark)}", nameof(grammar));
    }
}
