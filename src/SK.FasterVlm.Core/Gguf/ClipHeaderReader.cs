namespace SK.FasterVlm.Gguf;

/// <summary>
/// Reads a <see cref="ClipHeader"/>: keys first, each against its range, then every tensor against the sizes the keys gave.
/// </summary>
sealed class ClipHeaderReader(GgufFile file)
{
    // Generous: the largest towers in use are 3200 wide with 48 layers; the bounds keep products far from overflow.
    const int MaxImageSize = 4096;
    const int MaxPatches = 16_384;
    const int MaxWidth = 16_384;
    const int MaxFeedForward = 131_072;
    const int MaxLayers = 256;
    const int MaxTiles = 64; // each holds some megabytes for as long as its image is in use
    const int ClipLargeWidth = 1024;
    const int ClipLargeLayers = 24;

    readonly GgufMetadata _keys = file.Metadata;
    readonly TensorCheck _tensors = new(file);

    internal ClipHeader Read()
    {
        RequireProjector();
        string kind = ProjectorType(); // first: what a foreign projector lacks of the rest would say less of what it is
        int image = Size("clip.vision.image_size", MaxImageSize), patch = Size("clip.vision.patch_size", MaxImageSize);
        if (image % patch != 0)
            throw Bad("clip.vision.image_size", $"{image} is not a multiple of the patch size {patch}");
        int side = image / patch;
        if (side * side > MaxPatches)
            throw Bad("clip.vision.patch_size", $"{patch} cuts the image into {side * side} patches; at most {MaxPatches} are allowed");
        int width = Size("clip.vision.embedding_length", MaxWidth), heads = Size("clip.vision.attention.head_count", MaxWidth);
        if (width % heads != 0) throw Bad("clip.vision.attention.head_count", $"{heads} heads do not divide the width {width}");
        int feedForward = Size("clip.vision.feed_forward_length", MaxFeedForward);
        int blocks = Size("clip.vision.block_count", MaxLayers);
        bool swapped = HasSwappedNames(width, feedForward);
        (string type, ClipTensors first, ClipTensors? norm1, ClipTensors second, ClipTensors? norm2) = ReadProjector(kind, width);
        int output = (int)second.Weight.Ne(1);
        return new ClipHeader
        {
            ImageSize = image,
            PatchSize = patch,
            Width = width,
            FeedForwardWidth = feedForward,
            HeadCount = heads,
            Epsilon = ReadEpsilon(),
            Activation = ReadActivation(),
            SwappedFeedForwardNames = swapped,
            BlockCount = blocks,
            ProjectorType = type,
            OutputWidth = output,
            ImageMean = Colour("clip.vision.image_mean", static v => v is >= 0 and <= 1, "0 to 1"),
            ImageStd = Colour("clip.vision.image_std", static v => v is > 0 and <= 10, "above 0"),
            GridPinpoints = ReadPinpoints(image),
            PatchEmbedding = _tensors.Plain("v.patch_embd.weight", patch, patch, 3, width),
            PatchBias = _tensors.Optional("v.patch_embd.bias", width),
            ClassEmbedding = ReadClassEmbedding(width),
            PositionEmbedding = _tensors.Plain("v.position_embd.weight", width, side * side + 1),
            PreNorm = _tensors.Norm("v.pre_ln", width),
            Layers = [.. Enumerable.Range(0, LayersToRun(blocks, width)).Select(i => ReadLayer(i, width, feedForward, swapped))],
            Projector1 = first,
            ProjectorNorm1 = norm1,
            Projector2 = second,
            ProjectorNorm2 = norm2,
            Mobile = ReadMobile(type, side, output),
            // The LLaVA converter wrote the second name, llama.cpp reads the first.
            ImageNewline = _tensors.Optional("v.image_newline", output) ?? _tensors.Optional("model.image_newline", output),
        };
    }

    void RequireProjector()
    {
        string architecture = _keys.GetString("general.architecture");
        if (architecture != "clip")
        {
            throw new ModelFormatException(_keys.TryGet("tokenizer.ggml.tokens", out _)
                ? $"This file is a language model (architecture '{Printable.Escape(architecture)}'), not a projector; "
                    + "give it as the model and the mmproj file as the projector."
                : $"This file is no projector: its architecture is '{Printable.Escape(architecture)}', not 'clip'.",
                    "general.architecture");
        }
        if (_keys.FindBool("clip.has_vision_encoder") != true)
            throw Bad("clip.has_vision_encoder", "is not true: the file has no vision tower");
    }

    // LLaVA reads the output of the last layer but one. Its converter therefore drops the last layer and lets block_count count the
    // rest; a file may also keep all layers and say in feature_layer how many to run. A CLIP-L that kept all 24 and says nothing is
    // the one case the numbers alone decide. (llama.cpp runs one layer less than block_count when feature_layer is missing, which is
    // one too few for the published files.)
    int LayersToRun(int blocks, int width)
    {
        const string key = "clip.vision.feature_layer";
        if (_keys.FindInt32s(key) is not { } layers)
            return width == ClipLargeWidth && blocks == ClipLargeLayers ? ClipLargeLayers - 1 : blocks;
        if (layers.Distinct().Count() != 1) throw Bad(key, $"names {layers.Length} layers; features of exactly one layer are supported");
        if (layers[0] < 1 || layers[0] > blocks) throw Bad(key, $"{layers[0]} is outside 1 to {blocks}, the layers of the file");
        return layers[0];
    }

    // The shape tells; where both matrices are square the ordinary names are taken at their word.
    bool HasSwappedNames(int width, int feedForward) =>
        width != feedForward && file.GetTensor("v.blk.0.ffn_down.weight").Ne(0) == width;

    ClipLayer ReadLayer(int index, int width, int feedForward, bool swapped)
    {
        string layer = $"v.blk.{index}.";
        (string up, string down) = swapped ? ("ffn_down", "ffn_up") : ("ffn_up", "ffn_down");
        return new ClipLayer(
            _tensors.Norm(layer + "ln1", width),
            _tensors.Linear(layer + "attn_q", width, width), _tensors.Linear(layer + "attn_k", width, width),
            _tensors.Linear(layer + "attn_v", width, width), _tensors.Linear(layer + "attn_out", width, width),
            _tensors.Norm(layer + "ln2", width), _tensors.Linear(layer + up, width, feedForward),
            _tensors.Linear(layer + down, feedForward, width));
    }

    GgufTensorInfo ReadClassEmbedding(int width) => file.TryGetTensor("v.class_embd", out _)
        ? _tensors.Vector("v.class_embd", width)
        : throw new ModelFormatException(
            "The tower has no [CLS] token (tensor 'v.class_embd'); towers without one, such as SigLIP, are not supported.", "v.class_embd");

    string ProjectorType()
    {
        const string key = "clip.projector_type";
        // The first LLaVA files have no such key.
        string type = _keys.FindString(key) ?? _keys.FindString("clip.vision.projector_type") ?? "mlp";
        return type is "mlp" or "mlp_norm" or "ldp" or "ldpv2" ? type : throw ForeignProjector.Refuse(key, type);
    }

    (string Type, ClipTensors First, ClipTensors? Norm1, ClipTensors Second, ClipTensors? Norm2) ReadProjector(string type, int width)
    {
        if (type is "ldp" or "ldpv2") return ReadMobileMlp(type, width);
        // llama.cpp tells the two apart by this tensor, and so do files that say mlp and mean mlp_norm.
        bool norms = file.TryGetTensor("mm.3.weight", out _);
        if (type == "mlp_norm" && !norms) throw TensorCheck.Missing("mm.3.weight");
        ClipTensors first = _tensors.Linear("mm.0", width, OutputOf("mm.0.weight"));
        int hidden = (int)first.Weight.Ne(1);
        string name = norms ? "mm.3" : "mm.2";
        ClipTensors second = _tensors.Linear(name, hidden, OutputOf($"{name}.weight"));
        int output = (int)second.Weight.Ne(1);
        return norms
            ? ("mlp_norm", first, _tensors.Norm("mm.1", hidden), second, _tensors.Norm("mm.4", output))
            : ("mlp", first, null, second, null);
    }

    (string Type, ClipTensors First, ClipTensors? Norm1, ClipTensors Second, ClipTensors? Norm2) ReadMobileMlp(string type, int width)
    {
        (string one, string two) = type == "ldp" ? ("mm.model.mlp.1", "mm.model.mlp.3") : ("mm.model.mlp.0", "mm.model.mlp.2");
        ClipTensors first = _tensors.Linear(one, width, OutputOf($"{one}.weight"));
        return (type, first, null, _tensors.Linear(two, (int)first.Weight.Ne(1), OutputOf($"{two}.weight")), null);
    }

    ClipMobileProjector? ReadMobile(string type, int side, int output)
    {
        if (type is not ("ldp" or "ldpv2")) return null;
        if (side % ClipMobileProjector.Stride != 0)
            throw Bad("clip.vision.patch_size", $"gives {side} x {side} patches, which the projector {type} cannot halve");
        return type == "ldp" ? ClipMobileProjector.ReadLdp(_tensors, file, output) : ClipMobileProjector.ReadLdpV2(_tensors, output);
    }

    int OutputOf(string name)
    {
        long output = file.GetTensor(name).Ne(1);
        if (output > MaxFeedForward)
            throw new ModelFormatException($"The tensor '{name}' is {output} wide; at most {MaxFeedForward} are allowed.", name);
        return (int)output;
    }

    ClipActivation ReadActivation()
    {
        if (_keys.FindBool("clip.use_silu") == true) throw Bad("clip.use_silu", "is true; towers with SiLU are not supported");
        return _keys.FindBool("clip.use_gelu") == true ? ClipActivation.Gelu : ClipActivation.QuickGelu;
    }

    float ReadEpsilon()
    {
        const string key = "clip.vision.attention.layer_norm_epsilon";
        float epsilon = _keys.GetFloat(key);
        return epsilon is > 0 and < 0.1f ? epsilon : throw Bad(key, $"{epsilon} is not a small positive number");
    }

    float[] Colour(string key, Func<float, bool> allowed, string range)
    {
        float[] values = _keys.GetFloats(key);
        return values.Length == 3 && values.All(allowed) ? values : throw Bad(key, $"must be three numbers of {range}");
    }

    (int Width, int Height)[] ReadPinpoints(int image)
    {
        const string key = "clip.vision.image_grid_pinpoints";
        int[] sides = _keys.FindInt32s(key) ?? [];
        if (sides.Length % 2 != 0 || sides.Length > 512) throw Bad(key, "must be up to 256 pairs of width and height");
        if (sides.Any(s => s <= 0 || s % image != 0 || s > 64 * image))
            throw Bad(key, $"must be positive multiples of the image size {image}");
        if (sides.Chunk(2).FirstOrDefault(pair => pair[0] / image * (pair[1] / image) > MaxTiles) is { } pair)
            throw Bad(key, $"{pair[0]} x {pair[1]} is more than {MaxTiles} tiles");
        return [.. sides.Chunk(2).Select(static pair => (pair[0], pair[1]))];
    }

    int Size(string key, int max)
    {
        uint value = _keys.GetUInt32(key);
        return value >= 1 && value <= (uint)max ? (int)value : throw Bad(key, $"{value} is outside 1 to {max}");
    }

    static ModelFormatException Bad(string key, string problem) => new($"Unusable projector: {key} {problem}.", key);
}
