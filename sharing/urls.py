from django.urls import path

from sharing.views import links, lists, making, people, policies

urlpatterns = [
    path("cameras/<uuid:pk>/share", making.share_camera, name="share-camera"),
    path("cameras/<uuid:pk>/share/preview", making.preview_camera, name="preview-share-camera"),
    path("captures/<uuid:pk>/share", making.share_capture, name="share-capture"),
    path("captures/<uuid:pk>/share/preview", making.preview_capture, name="preview-share-capture"),
    path("organization/people/<uuid:pk>/remove", people.remove_person, name="remove-member"),
    path("sharing", lists.links, name="sharing"),
    path("sharing/take-back", lists.take_back_many, name="take-back-links"),
    path("sharing/policy", policies.policy, name="sharing-policy"),
    path("sharing/<uuid:pk>", links.link_page, name="share-link"),
    path("sharing/<uuid:pk>/change", links.change, name="change-share-link"),
    path("sharing/<uuid:pk>/change/preview", links.preview_change, name="preview-changed-link"),
    path("sharing/<uuid:pk>/take-back", links.take_back, name="take-back-link"),
    path("sharing/<uuid:pk>/qrcode.png", links.qrcode_png, name="share-qrcode-png"),
    path("sharing/<uuid:pk>/qrcode.svg", links.qrcode_svg, name="share-qrcode-svg"),
    path("sharing/<uuid:pk>/sign", links.sign, name="share-sign"),
]
