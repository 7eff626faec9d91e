using Microsoft.Extensions.AI;
using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Tests.Plugin;

/// <summary>Which images the plugin can reach: what the host names, and nothing else on the machine.</summary>
public sealed class VisionImagesTests : IDisposable
{
    static readonly byte[] Picture = TinyPair.Picture();

    readonly string _base = Directory.CreateTempSubdirectory("fastervlm-plugin-").FullName;
    readonly string _root;

    public VisionImagesTests()
    {
        _root = Path.Combine(_base, "images");
        Directory.CreateDirectory(Path.Combine(_root, "sub"));
        File.WriteAllBytes(Path.Combine(_root, "a.png"), Picture);
        File.WriteAllBytes(Path.Combine(_root, "sub", "b.png"), Picture);
        File.WriteAllBytes(Path.Combine(_base, "secret.png"), Picture);
        Directory.CreateDirectory(_root + "-evil");
        File.WriteAllBytes(Path.Combine(_root + "-evil", "c.png"), Picture);
    }

    public void Dispose() => Directory.Delete(_base, true);

    static Task<DataContent> Find(VisionPluginOptions options, string reference) =>
        new VisionImages(options).FindAsync(reference, TestContext.Current.CancellationToken);

    static async Task<VisionException> Fails(VisionErrorCode code, VisionPluginOptions options, string reference)
    {
        VisionException error = await Assert.ThrowsAsync<VisionException>(() => Find(options, reference));
        Assert.Equal(code, error.Code);
        Assert.DoesNotContain('\n', error.Message);
        Assert.DoesNotContain(Path.GetTempPath(), error.Message.Replace(reference, "", StringComparison.Ordinal));
        return error;
    }

    [Fact]
    public async Task Without_permission_there_are_no_files_and_no_addresses()
    {
        await Fails(VisionErrorCode.ImageNotFound, new(), Path.Combine(_root, "a.png"));
        await Fails(VisionErrorCode.ImageNotFound, new(), "/etc/passwd");
        await Fails(VisionErrorCode.ImageNotAllowed, new(), "http://127.0.0.1/a.png");
        await Fails(VisionErrorCode.ImageNotAllowed, new() { AllowedRoot = _root }, "file:///etc/passwd");
        await Fails(VisionErrorCode.ArgumentInvalid, new(), " ");
    }

    [Fact]
    public async Task Files_below_the_root_are_found_by_relative_and_absolute_paths()
    {
        VisionPluginOptions options = new() { AllowedRoot = _root };
        foreach (string path in new[] { "a.png", "./a.png", "sub/b.png", "sub/../a.png", Path.Combine(_root, "a.png") })
        {
            DataContent image = await Find(options, path);
            Assert.Equal(Picture, image.Data.ToArray());
            Assert.Equal("image/png", image.MediaType);
        }
    }

    [Theory]
    [InlineData("../secret.png")]
    [InlineData("sub/../../secret.png")]
    [InlineData("../images-evil/c.png")]
    [InlineData("/etc/hostname")]
    [InlineData("..")]
    [InlineData(".")]
    public async Task U7_Nothing_outside_of_the_root_is_found(string path) =>
        await Fails(VisionErrorCode.ImageNotAllowed, new() { AllowedRoot = _root }, path);

    [Theory]
    [InlineData("nowhere.png")]
    [InlineData("sub")]
    [InlineData("empty.png")]
    [InlineData("bad\0name.png")]
    public async Task What_is_no_file_is_not_found(string path)
    {
        File.WriteAllBytes(Path.Combine(_root, "empty.png"), []);
        VisionException error = await Fails(VisionErrorCode.ImageNotFound, new() { AllowedRoot = _root }, path);
        Assert.Contains("path of a file in the folder", error.Message);
    }

    [Fact]
    public async Task U7_Links_cannot_lead_out_and_may_lead_within()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "making links needs rights there that tests do not have");
        VisionPluginOptions options = new() { AllowedRoot = _root };
        Link("in.png", Path.Combine(_root, "sub", "b.png"));
        Link("relative.png", "sub/b.png");
        Link("out.png", Path.Combine(_base, "secret.png"));
        Link("out-relative.png", "../secret.png");
        Link("chain.png", "out.png");
        Link("folder", _base);
        Link("device.png", "/dev/zero");
        Link("circle.png", "circle.png");
        Assert.Equal(Picture, (await Find(options, "in.png")).Data.ToArray());
        Assert.Equal(Picture, (await Find(options, "relative.png")).Data.ToArray());
        foreach (string path in new[] { "out.png", "out-relative.png", "chain.png", "folder/secret.png", "device.png", "sub/../out.png" })
            await Fails(VisionErrorCode.ImageNotAllowed, options, path);
        await Fails(VisionErrorCode.ImageNotFound, options, "circle.png");

        // The folder itself may be a link.
        File.CreateSymbolicLink(Path.Combine(_base, "alias"), _root);
        VisionPluginOptions alias = new() { AllowedRoot = Path.Combine(_base, "alias") };
        Assert.Equal(Picture, (await Find(alias, "a.png")).Data.ToArray());
        Assert.Equal(Picture, (await Find(alias, Path.Combine(_base, "alias", "a.png"))).Data.ToArray());
        await Fails(VisionErrorCode.ImageNotAllowed, alias, "../secret.png");

        void Link(string name, string target) => File.CreateSymbolicLink(Path.Combine(_root, name), target);
    }

    [Fact]
    public async Task Registered_images_are_found_by_name_and_named_in_errors()
    {
        ImageRegistry images = new();
        images.Add("invoice-1", Picture);
        images.Add("../secret.png", Picture); // a name, not a path
        VisionPluginOptions options = new() { Images = images, AllowDataUris = false };
        Assert.Equal(Picture, (await Find(options, "invoice-1")).Data.ToArray());
        Assert.Equal(Picture, (await Find(options, "../secret.png")).Data.ToArray());
        Assert.Contains("invoice-1", (await Fails(VisionErrorCode.ImageNotFound, options, "invoice-2")).Message);
        Assert.True(images.Remove("invoice-1"));
        await Fails(VisionErrorCode.ImageNotFound, options, "invoice-1");
        Assert.Throws<ArgumentException>(() => images.Add("data:x", Picture));
    }

    [Fact]
    public async Task Data_uris_are_read_unless_forbidden()
    {
        string uri = "data:image/gif;base64," + Convert.ToBase64String(Picture); // the label is not believed
        DataContent image = await Find(new(), uri);
        Assert.Equal((Picture.Length, "image/png"), (image.Data.Length, image.MediaType));
        await Fails(VisionErrorCode.ImageNotAllowed, new() { AllowDataUris = false }, uri);
        await Fails(VisionErrorCode.ImageInvalid, new(), "data:image/png;base64,????");
        await Fails(VisionErrorCode.ImageInvalid, new(), "data:image/png,abc");
        await Fails(VisionErrorCode.ImageInvalid, new(), "data:image/png;base64," + Convert.ToBase64String("no image"u8));
    }

    [Fact]
    public async Task Too_many_bytes_or_pixels_are_refused_before_they_are_read()
    {
        ImageRegistry images = new();
        images.Add("a", Picture);
        VisionPluginOptions bytes = new() { AllowedRoot = _root, Images = images, ImageLimits = new() { MaxBytes = Picture.Length - 1 } };
        foreach (string reference in new[] { "a.png", "a", "data:image/png;base64," + Convert.ToBase64String(Picture) })
            await Fails(VisionErrorCode.ImageTooLarge, bytes, reference);
        await Fails(VisionErrorCode.ImageTooLarge, bytes, "data:image/png;base64," + new string('?', 2 * Picture.Length)); // not even decoded
        foreach (ImageLimits limits in new[] { new ImageLimits { MaxSide = 89 }, new ImageLimits { MaxPixels = 90 * 70 - 1 } })
            await Fails(VisionErrorCode.ImageTooLarge, new() { AllowedRoot = _root, ImageLimits = limits }, "a.png");
        Assert.Equal(Picture, (await Find(new() { AllowedRoot = _root, ImageLimits = new() { MaxBytes = Picture.Length, MaxSide = 90, MaxPixels = 90 * 70 } }, "a.png")).Data.ToArray());
    }
}
