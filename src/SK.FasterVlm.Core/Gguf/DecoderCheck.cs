namespace SK.FasterVlm.Gguf;

/// <summary>
/// The sizes in a language model's header, held against what llama.cpp asserts about them while it loads and builds its graph. A failed
/// assertion there ends the process.
/// </summary>
sealed class DecoderCheck
{
    // Limits of llama.cpp (LLAMA_MAX_LAYERS, LLAMA_MAX_EXPERTS), asserted there.
    const int MaxLayers = 512;
    const int MaxExperts = 512;

    const int MaxHeads = 1 << 16;

    // The widest heads in use have 576 numbers.
    const int MaxHeadWidth = 1 << 13;

    // These turn a part of a head only; everywhere else llama.cpp asserts that positions turn all of it.
    static readonly HashSet<string> s_partlyRotated =
        ["phi2", "phi3", "phimoe", "stablelm", "gptneox", "glm4", "chatglm", "nemotron", "deepseek2", "minicpm3"];

    // Heads of keys and of values differ in width by design.
    static readonly HashSet<string> s_latentAttention = ["deepseek2", "minicpm3"];

    readonly GgufMetadata _keys;
    readonly string _architecture;
    readonly int _width;

    DecoderCheck(GgufMetadata keys, string architecture, int width)
    {
        (_keys, _architecture, _width) = (keys, architecture, width);
        Layers = Size(Key("block_count"), MaxLayers);
        CheckPredictedLayers();
        Heads = OneForAllLayers(Key("attention.head_count")) ?? throw Bad(Key("attention.head_count"), "is missing");
        KeyValueHeads = OneForAllLayers(Key("attention.head_count_kv")) ?? Heads;
        if (Heads % KeyValueHeads != 0) throw Bad(Key("attention.head_count_kv"), $"{KeyValueHeads} does not divide the {Heads} heads");
        CheckHeadWidths();
        CheckRope();
        CheckExperts();
        CheckRest();
    }

    internal int Layers { get; }

    internal int Heads { get; }

    internal int KeyValueHeads { get; }

    /// <summary>Checks all of it.</summary>
    /// <param name="keys">Of the file.</param>
    /// <param name="architecture">Its decoder.</param>
    /// <param name="width">Of the hidden state.</param>
    /// <exception cref="ModelFormatException">A size is impossible; the message names its key.</exception>
    internal static DecoderCheck Run(GgufMetadata keys, string architecture, int width) => new(keys, architecture, width);

    internal static ModelFormatException Bad(string key, string problem) => new($"Unusable language model: {key} {problem}.", key);

    string Key(string name) => $"{_architecture}.{name}";

    void CheckPredictedLayers()
    {
        string key = Key("nextn_predict_layers");
        if (_keys.FindUInt32(key) is { } predicted && predicted >= Layers) throw Bad(key, $"{predicted} leaves none of the {Layers} layers");
    }

    /// <summary>A number of heads. llama.cpp sizes a layer's matrices by the first and its cache by each, so that they must be alike.</summary>
    int? OneForAllLayers(string key)
    {
        if (!_keys.TryGet(key, out GgufValue? value)) return null;
        if (value.Type != GgufValueType.Array) return Size(key, MaxHeads);
        uint[] each = value.ElementType == GgufValueType.U32 ? _keys.GetUInt32s(key) : [.. _keys.GetInt32s(key).Select(static n => (uint)n)];
        if (each.Length < Layers) throw Bad(key, $"has {each.Length} entries for {Layers} layers");
        if (each[0] is 0 or > MaxHeads) throw Bad(key, $"{each[0]} is outside 1 to {MaxHeads}");
        if (each.AsSpan(0, Layers).ContainsAnyExcept(each[0])) throw Bad(key, "differs by layer, which this library does not run");
        return (int)each[0];
    }

    void CheckHeadWidths()
    {
        string keyLength = Key("attention.key_length"), valueLength = Key("attention.value_length");
        int usual = _width / Heads;
        if (_width % Heads != 0 && !_keys.TryGet(keyLength, out _))
            throw Bad(Key("attention.head_count"), $"{Heads} heads do not divide the width {_width}");
        int keys = HeadWidth(keyLength) ?? usual, values = HeadWidth(valueLength) ?? usual;
        if (keys % 2 != 0) throw Bad(keyLength, $"{keys} is odd");
        if (keys != values && !s_latentAttention.Contains(_architecture)) throw Bad(valueLength, $"{values} is not the {keys} of the keys");

        RequireSame(Key("attention.key_length_swa"), keys);
        RequireSame(Key("attention.value_length_swa"), values);
    }

    int? HeadWidth(string key) => _keys.TryGet(key, out _) ? Size(key, MaxHeadWidth) : null;

    // llama.cpp's graphs of these architectures know one width for layers with and without a sliding window.
    void RequireSame(string key, int all)
    {
        if (_keys.FindUInt32(key) is { } window && window != all) throw Bad(key, $"{window} is not the {all} of the other layers");
    }

    void CheckRope()
    {
        string key = Key("rope.dimension_count");
        int width = HeadWidth(Key("attention.key_length")) ?? _width / Heads;
        uint rotated = _keys.FindUInt32(key) ?? (uint)width;
        bool fits = s_partlyRotated.Contains(_architecture) ? rotated >= 2 && rotated % 2 == 0 && rotated <= width : rotated == width;
        if (!fits)
            throw Bad(key, s_partlyRotated.Contains(_architecture)
                ? $"{rotated} must be even and at most the head width {width}"
                : $"{rotated} must be the head width {width}");
        RequireSame(Key("rope.dimension_count_swa"), (int)rotated);

        string scaling = Key("rope.scaling.type");
        if (_keys.FindString(scaling) is { } type && type is not ("none" or "linear" or "yarn" or "longrope"))
            throw Bad(scaling, $"is '{Printable.Escape(type)}'; there are none, linear, yarn and longrope");
    }

    void CheckExperts()
    {
        string countKey = Key("expert_count"), usedKey = Key("expert_used_count"), groupKey = Key("expert_group_count"),
            groupsUsedKey = Key("expert_group_used_count");
        uint count = _keys.FindUInt32(countKey) ?? 0, used = _keys.FindUInt32(usedKey) ?? 0;
        if (_architecture == "hunyuan-dense" && count <= 1) return; // llama.cpp takes one expert for none there
        uint groups = _keys.FindUInt32(groupKey) ?? 0, groupsUsed = _keys.FindUInt32(groupsUsedKey) ?? 0;
        if (count > MaxExperts) throw Bad(countKey, $"is over {MaxExperts}");
        if (used > count) throw Bad(usedKey, "is more than there are experts");
        if (count > 0 && used == 0) throw Bad(usedKey, $"is missing or 0 though there are {count} experts");
        if (groups > 0 && groups >= count) throw Bad(groupKey, $"{groups} is not less than the {count} experts");
        if (groups <= 1) return;
        if (count % groups != 0) throw Bad(groupKey, $"{groups} does not divide the {count} experts");
        if (groupsUsed == 0 || groupsUsed >= groups) throw Bad(groupsUsedKey, $"{groupsUsed} is outside 1 to {groups - 1}");
    }

    void CheckRest()
    {
        foreach (string name in (string[])["layer_norm_rms_epsilon", "layer_norm_epsilon"])
        {
            string key = Key($"attention.{name}");
            if (_keys.FindFloat(key) is { } epsilon && epsilon is not (>= 0 and < 1)) throw Bad(key, $"{epsilon} is not a small positive number");
        }
        string causal = Key("attention.causal");
        if (_keys.FindBool(causal) == false) throw Bad(causal, "is false: the model does not generate text");
    }

    int Size(string key, int max)
    {
        uint value = _keys.GetUInt32(key);
        return value >= 1 && value <= (uint)max ? (int)value : throw Bad(key, $"{value} is outside 1 to {max}");
    }
}
