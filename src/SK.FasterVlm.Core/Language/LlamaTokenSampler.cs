using System.Numerics.Tensors;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// A chain of the library's samplers: grammar, penalties, top-k, top-p, min-p, temperature, and last the one that selects. What a
/// setting leaves off is not in the chain.
/// </summary>
internal sealed unsafe class LlamaTokenSampler : ITokenSampler
{
    const int PenaltyWindow = 64;

    readonly LlamaCppLanguageModel _model;
    readonly LlamaSamplerHandle _chain;

    internal LlamaTokenSampler(LlamaCppLanguageModel model, LlamaModelHandle handle, LlamaTokenizer tokenizer, SamplingSettings settings)
    {
        SamplingCheck.Run(settings);
        _model = model;
        _chain = LlamaSamplerHandle.Create(handle);
        if (_chain.IsInvalid) throw new NativeRuntimeException("The library could not make a sampler chain.");
        try
        {
            using var use = new HandleUse(handle);
            if (settings.Grammar is { } grammar) Add(Grammar(tokenizer, grammar));
            if (settings is not { RepetitionPenalty: 1, FrequencyPenalty: 0, PresencePenalty: 0 })
            {
                Add(LlamaSampling.llama_sampler_init_penalties(
                    tokenizer.Size, PenaltyWindow, settings.RepetitionPenalty, settings.FrequencyPenalty, settings.PresencePenalty));
            }
            if (settings.Temperature == 0)
            {
                Add(LlamaSampling.llama_sampler_init_greedy());
                return;
            }
            if (settings.TopK > 0) Add(LlamaSampling.llama_sampler_init_top_k(settings.TopK));
            if (settings.TopP < 1) Add(LlamaSampling.llama_sampler_init_top_p(settings.TopP, 1));
            if (settings.MinP > 0) Add(LlamaSampling.llama_sampler_init_min_p(settings.MinP, 1));
            Add(LlamaSampling.llama_sampler_init_temp(settings.Temperature));
            // The library takes 0xFFFFFFFF as "seed by chance", which would break the promise of equal answers for equal seeds.
            Add(LlamaSampling.llama_sampler_init_dist(Math.Min(settings.Seed, uint.MaxValue - 1)));
        }
        catch
        {
            _chain.Dispose();
            throw;
        }
    }

    public int Sample(int sequence)
    {
        ObjectDisposedException.ThrowIf(_chain.IsClosed, this);
        // Not-a-number would be drawn from, or end the process in an assertion, depending on the sampler.
        if (float.IsNaN(TensorPrimitives.Max(_model.GetLogits(sequence))))
            throw new NativeRuntimeException("The model computed not-a-number logits: its weights are damaged or overflow.");
        return LlamaSampling.llama_sampler_sample(_chain, _model.Context, _model.LogitsRow(sequence));
    }

    public void Dispose() => _chain.Dispose();

    // A null added to a chain ends the process.
    void Add(llama_sampler* sampler)
    {
        if (sampler is null) throw new NativeRuntimeException($"The library could not make a sampler. {NativeLog.Tail()}");
        LlamaSampling.llama_sampler_chain_add(_chain, sampler);
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
