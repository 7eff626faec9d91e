using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>
/// llama.h: samplers. A chain owns what is added to it. A chain must end in a selecting sampler (greedy or dist), and null must
/// never be added: both end the process.
/// </summary>
internal static unsafe partial class LlamaSampling
{
    const string Library = Llama.Library;

    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_chain_init(llama_sampler_chain_params @params);

    [LibraryImport(Library)]
    internal static partial void llama_sampler_chain_add(LlamaSamplerHandle chain, llama_sampler* smpl);

    [LibraryImport(Library)]
    internal static partial void llama_sampler_free(llama_sampler* smpl);

    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_init_greedy();

    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_init_dist(uint seed);

    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_init_top_k(int k);

    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_init_top_p(float p, nuint min_keep);

    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_init_min_p(float p, nuint min_keep);

    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_init_temp(float t);

    /// <summary>Penalties over the last tokens; since this release the vocabulary's size comes first.</summary>
    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_init_penalties(
        int n_vocab, int penalty_last_n, float penalty_repeat, float penalty_freq, float penalty_present);

    /// <summary>The same function of earlier releases (<see cref="SharedAbi.PenaltiesTakeVocabulary"/>).</summary>
    [LibraryImport(Library)]
    internal static partial llama_sampler* llama_sampler_init_penalties(
        int penalty_last_n, float penalty_repeat, float penalty_freq, float penalty_present);

    /// <summary>Null, with log lines, when the grammar does not parse.</summary>
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial llama_sampler* llama_sampler_init_grammar(llama_vocab* vocab, string grammar_str, string grammar_root);

    /// <summary>Filters, weighs or selects among candidates.</summary>
    [LibraryImport(Library)]
    internal static partial void llama_sampler_apply(LlamaSamplerHandle smpl, llama_token_data_array* cur_p);

    /// <summary>Records a token. A token the grammar does not take, or an end token before its end, ends the process.</summary>
    [LibraryImport(Library)]
    internal static partial void llama_sampler_accept(LlamaSamplerHandle smpl, int token);
}
