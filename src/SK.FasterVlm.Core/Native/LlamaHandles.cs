using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>A loaded model: our own, or one that another handle owns and keeps while this one is open.</summary>
internal sealed unsafe class LlamaModelHandle : SafeHandle
{
    readonly SafeHandle? _owner;

    internal LlamaModelHandle(llama_model* model) : base(0, true) => SetHandle((nint)model);

    /// <summary>Shares a model of another binding.</summary>
    /// <exception cref="ObjectDisposedException">The owner is closed.</exception>
    internal LlamaModelHandle(SafeHandle owner) : base(0, true)
    {
        bool added = false;
        owner.DangerousAddRef(ref added);
        _owner = owner;
        SetHandle(owner.DangerousGetHandle());
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        if (_owner is null) Llama.llama_model_free((llama_model*)handle);
        else _owner.DangerousRelease();
        return true;
    }
}

/// <summary>
/// A context. Holds a reference on its model, so that the model is freed last whatever order they are disposed in, and owns its threads.
/// </summary>
internal sealed unsafe class LlamaContextHandle : SafeHandle
{
    readonly LlamaModelHandle _model;
    GgmlThreadPool? _threads;

    LlamaContextHandle(LlamaModelHandle model) : base(0, true) => _model = model;

    /// <summary>Makes a context; the result is invalid (never null) when the library refused.</summary>
    internal static LlamaContextHandle Create(LlamaModelHandle model, in llama_context_params parameters)
    {
        var result = new LlamaContextHandle(model);
        llama_context* context = Llama.llama_init_from_model(model, parameters);
        if (context is null) return result;
        bool added = false;
        model.DangerousAddRef(ref added);
        result.SetHandle((nint)context);
        return result;
    }

    /// <summary>Keeps the threads of the context's evaluations alive between them.</summary>
    /// <param name="threads">Threads of an evaluation, of one row or many.</param>
    internal void KeepThreads(int threads)
    {
        _threads = GgmlThreadPool.Start(threads);
        if (_threads is not null) Llama.llama_attach_threadpool(this, _threads.Pointer, _threads.Pointer);
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Llama.llama_free((llama_context*)handle);
        _threads?.Dispose();
        _model.DangerousRelease();
        return true;
    }
}

/// <summary>A sampler chain. Holds a reference on the model whose vocabulary a grammar points into.</summary>
internal sealed unsafe class LlamaSamplerHandle : SafeHandle
{
    readonly LlamaModelHandle _model;

    LlamaSamplerHandle(LlamaModelHandle model) : base(0, true) => _model = model;

    /// <summary>An empty chain; the result is invalid (never null) when memory ran out.</summary>
    internal static LlamaSamplerHandle Create(LlamaModelHandle model)
    {
        var result = new LlamaSamplerHandle(model);
        llama_sampler* chain = LlamaSampling.llama_sampler_chain_init(new llama_sampler_chain_params { no_perf = 1 });
        if (chain is null) return result;
        bool added = false;
        model.DangerousAddRef(ref added);
        result.SetHandle((nint)chain);
        return result;
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LlamaSampling.llama_sampler_free((llama_sampler*)handle);
        _model.DangerousRelease();
        return true;
    }
}
