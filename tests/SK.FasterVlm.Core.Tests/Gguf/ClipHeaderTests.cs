using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

public sealed class ClipHeaderTests
{
    [Theory]
    [InlineData(TowerLayout.Legacy, 3, true)]
    [InlineData(TowerLayout.FeatureLayer, 4, false)]
    public void Read_BothLayouts_RunTheSameLayersOfTheSameShapes(TowerLayout layout, int blocks, bool swapped)
    {
        ClipHeader header = ClipHeader.Read(GgufEdit.Projector(new SyntheticModelOptions { Layout = layout }).ToFile());

        Assert.Equal((84, 14, 6, 36), (header.ImageSize, header.PatchSize, header.GridSide, header.PatchCount));
        Assert.Equal((64, 128, 2, 32), (header.Width, header.FeedForwardWidth, header.HeadCount, header.HeadWidth));
        Assert.Equal((blocks, 3, swapped), (header.BlockCount, header.LayerCount, header.SwappedFeedForwardNames));
        Assert.All(header.Layers, static layer => Assert.Equal((64, 128), (layer.Up.Weight.Ne(0), layer.Up.Weight.Ne(1))));
        Assert.Equal(swapped ? "v.blk.2.ffn_down.weight" : "v.blk.2.ffn_up.weight", header.Layers[2].Up.Weight.Name);
        Assert.Equal(("mlp", 64, ClipActivation.QuickGelu), (header.ProjectorType, header.OutputWidth, header.Activation));
        Assert.Equal(0.40821073f, header.ImageMean[2]);
        Assert.Empty(header.GridPinpoints);
    }

    [Fact]
    public void Read_MlpNormAndGelu()
    {
        var options = new SyntheticModelOptions { Projector = ProjectorKind.MlpNorm, UseGelu = true };
        ClipHeader header = ClipHeader.Read(GgufEdit.Projector(options).ToFile());
        Assert.Equal(("mlp_norm", ClipActivation.Gelu), (header.ProjectorType, header.Activation));
        Assert.Equal("mm.3.weight", header.Projector2.Weight.Name);
        Assert.NotNull(header.ProjectorNorm2);

        // Files of Yi-VL say "mlp" and carry the norms.
        Assert.Equal("mlp_norm", ClipHeader.Read(GgufEdit.Projector(options).Set("clip.projector_type", "mlp").ToFile()).ProjectorType);
    }

    [Fact]
    public void Read_AnsweredByTheFile_NotByADefault()
    {
        Assert.Equal("mlp", ClipHeader.Read(GgufEdit.Projector().Remove("clip.projector_type").ToFile()).ProjectorType);
        Assert.Equal(2, ClipHeader.Read(GgufEdit.Projector().Set("clip.vision.feature_layer", (int[])[2]).ToFile()).LayerCount);
        GgufEdit tiles = GgufEdit.Projector().Set("clip.vision.image_grid_pinpoints", (int[])[84, 168, 168, 84]);
        ClipHeader tiled = ClipHeader.Read(tiles.ToFile());
        Assert.Equal([(84, 168), (168, 84)], tiled.GridPinpoints);
    }

    public static TheoryData<string, object> BadKeys => new()
    {
        { "clip.vision.patch_size", 0u },
        { "clip.vision.patch_size", 13u },
        { "clip.vision.patch_size", 28u },
        { "clip.vision.patch_size", 85u },
        { "clip.vision.patch_size", uint.MaxValue },
        { "clip.vision.patch_size", 14 },
        { "clip.vision.image_size", 0u },
        { "clip.vision.image_size", 85u },
        { "clip.vision.image_size", 98u },
        { "clip.vision.image_size", 1_000_000u },
        { "clip.vision.image_size", "84" },
        { "clip.vision.embedding_length", 0u },
        { "clip.vision.embedding_length", 32u },
        { "clip.vision.embedding_length", 128u },
        { "clip.vision.embedding_length", uint.MaxValue },
        { "clip.vision.feed_forward_length", 0u },
        { "clip.vision.feed_forward_length", 64u },
        { "clip.vision.feed_forward_length", 256u },
        { "clip.vision.attention.head_count", 0u },
        { "clip.vision.attention.head_count", 3u },
        { "clip.vision.attention.head_count", 65u },
        { "clip.vision.attention.layer_norm_epsilon", 0f },
        { "clip.vision.attention.layer_norm_epsilon", -1f },
        { "clip.vision.attention.layer_norm_epsilon", float.NaN },
        { "clip.vision.attention.layer_norm_epsilon", float.PositiveInfinity },
        { "clip.vision.block_count", 0u },
        { "clip.vision.block_count", 4u },
        { "clip.vision.block_count", 1_000_000u },
        { "clip.vision.feature_layer", new int[] { 0 } },
        { "clip.vision.feature_layer", new int[] { 4 } },
        { "clip.vision.feature_layer", new int[] { -2 } },
        { "clip.vision.feature_layer", new int[] { 1, 2 } },
        { "clip.vision.feature_layer", Array.Empty<int>() },
        { "clip.vision.feature_layer", 3u },
        { "clip.vision.image_mean", new float[] { 0.5f, 0.5f } },
        { "clip.vision.image_mean", new float[] { 0.5f, 0.5f, float.NaN } },
        { "clip.vision.image_std", new float[] { 0.5f, 0.5f, 0f } },
        { "clip.vision.image_std", new float[] { 0.5f, 0.5f, 0.5f, 0.5f } },
        { "clip.vision.image_grid_pinpoints", new int[] { 84 } },
        { "clip.vision.image_grid_pinpoints", new int[] { 84, 0 } },
        { "clip.vision.image_grid_pinpoints", new int[] { 84, 100 } },
        { "clip.vision.image_grid_pinpoints", new int[] { 84, int.MaxValue } },
        { "clip.projector_type", "ldp" },
        { "clip.projector_type", "mlp_norm" },
        { "clip.has_vision_encoder", false },
        { "clip.use_silu", true },
        { "general.architecture", "bert" },
    };

    [Theory]
    [MemberData(nameof(BadKeys))]
    public void F6_Read_ImpossibleValue_Throws(string key, object value)
    {
        GgufFile file = GgufEdit.Projector().Set(key, value).ToFile();
        var error = Assert.Throws<ModelFormatException>(() => ClipHeader.Read(file));
        Assert.DoesNotContain('\n', error.Message);
        Assert.NotNull(error.Field);
    }

    // Every key of the file but these must be there.
    static readonly string[] Dispensable =
    [
        "general.name", "general.file_type", "clip.has_text_encoder", "clip.has_llava_projector", "clip.use_gelu", "clip.projector_type",
        "clip.vision.projection_dim",
    ];

    [Fact]
    public void Read_AnyKeyMissing_Throws()
    {
        foreach (string key in GgufEdit.Projector().ToFile().Metadata.Entries.Select(static e => e.Key).Except(Dispensable))
        {
            var error = Assert.Throws<ModelFormatException>(() => ClipHeader.Read(GgufEdit.Projector().Remove(key).ToFile()));
            Assert.Contains(key, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(ProjectorKind.Mlp)]
    [InlineData(ProjectorKind.MlpNorm)]
    [InlineData(ProjectorKind.Ldp)]
    [InlineData(ProjectorKind.LdpV2)]
    public void F6_Read_AnyTensorMissingOrOfAnotherShapeOrType_Throws(ProjectorKind projector)
    {
        var options = new SyntheticModelOptions { Projector = projector };
        foreach (GgufTensorInfo tensor in GgufEdit.Projector(options).ToFile().Tensors)
        {
            string name = tensor.Name;
            long[] dims = tensor.Dims.ToArray();
            Fails(e => e.Remove(name), name == "mm.3.weight" ? "mm.3" : name);
            for (int d = 0; d < dims.Length; d++)
            {
                // The output width is defined by the last tensor of the projector: there is nothing to compare it with but its bias.
                long[] changed = [.. dims];
                changed[d] *= 2;
                Fails(e => e.Reshape(name, changed), name.StartsWith("mm.", StringComparison.Ordinal) ? "mm." : "v.");
            }
            Fails(e => e.Retype(name, GgmlType.I32), name);
            if (dims.Length == 1) Fails(e => e.Retype(name, GgmlType.F16), name);
            if (name.Contains("_embd.", StringComparison.Ordinal) && dims[0] == 64) Fails(e => e.Retype(name, GgmlType.Q8_0), name);
        }

        void Fails(Func<GgufEdit, GgufEdit> change, string field)
        {
            GgufFile file = change(GgufEdit.Projector(options)).ToFile();
            var error = Assert.Throws<ModelFormatException>(() => ClipHeader.Read(file));
            Assert.Contains(field, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_TowerWithoutClassToken_SaysSo()
    {
        var error = Assert.Throws<ModelFormatException>(() => ClipHeader.Read(GgufEdit.Projector().Remove("v.class_embd").ToFile()));
        Assert.Contains("[CLS]", error.Message, StringComparison.Ordinal);
    }
}
